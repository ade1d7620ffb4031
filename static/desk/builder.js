// Beside the report there is room for its parameters; above it, on narrow screens, they are folded until asked for.

if (matchMedia("(max-width: 72rem)").matches) {
  for (const part of document.querySelectorAll("details[data-wide]")) part.open = false;
}

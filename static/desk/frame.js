// The navigation on narrow screens, the menu of the user, and "/" for the search box.

const side = document.getElementById("side");
const opener = document.querySelector("[data-opens=side]");
const narrow = matchMedia("(max-width: 64rem)");
let shade = null;

function open() {
  if ("open" in side.dataset) return;
  side.dataset.open = "";
  opener.setAttribute("aria-expanded", "true");
  shade = document.createElement("div");
  shade.className = "shade";
  shade.addEventListener("click", close);
  side.after(shade);
  side.querySelector("a").focus();
}

function close() {
  if (!("open" in side.dataset)) return;
  delete side.dataset.open;
  opener.setAttribute("aria-expanded", "false");
  shade.remove();
  opener.focus();
}

opener.addEventListener("click", open);
narrow.addEventListener("change", close);
side.addEventListener("focusout", (event) => {
  // Who leaves the open navigation by keyboard has done with it.
  if (event.relatedTarget && !side.contains(event.relatedTarget)) close();
});

const menu = document.querySelector(".user");

document.addEventListener("click", (event) => {
  if (menu.open && !menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else {
      close();
    }
  }
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    if (narrow.matches) open();
    document.getElementById("search-everything").focus();
  }
});

document.addEventListener("htmx:beforeRequest", (event) => {
  // What only looks whether there is anything new takes nobody's place in it away: it looks again later.
  const looks = event.target.matches("[data-leaves-focus]");
  if (looks && event.target.parentElement.contains(document.activeElement)) event.preventDefault();
});

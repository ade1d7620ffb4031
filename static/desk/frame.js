// The navigation on narrow screens, the menu of the user, and "/" for the search box.

const side = document.getElementById("side");
const opener = document.querySelector("[data-opens=side]");
const narrow = matchMedia("(max-width: 64rem)");
let shade = null;

function open() {
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

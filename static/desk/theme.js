// Light, dark or as the system is: remembered under the key the admin uses, so that both look alike. It is loaded
// before the page is drawn; whoever blocks storage gets the system's choice.
"use strict";
(() => {
  const KEY = "adminTheme";
  const root = document.documentElement;

  const remembered = () => {
    try {
      return JSON.parse(localStorage.getItem(KEY)) || "auto";
    } catch {
      return "auto";
    }
  };

  const remember = (theme) => {
    try {
      localStorage.setItem(KEY, JSON.stringify(theme));
    } catch {
      // Without storage the choice holds for this page.
    }
  };

  const show = (theme) => {
    if (theme === "light" || theme === "dark") {
      root.dataset.theme = theme;
    } else {
      delete root.dataset.theme;
    }
    root.dispatchEvent(new CustomEvent("desk:theme"));
  };

  show(remembered());
  document.addEventListener("DOMContentLoaded", () => {
    for (const choice of document.querySelectorAll("input[name=theme]")) {
      choice.checked = choice.value === remembered();
      choice.addEventListener("change", () => {
        remember(choice.value);
        show(choice.value);
      });
    }
  });
  window.addEventListener("storage", (event) => event.key === KEY && show(remembered()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(remembered()));
})();

// The fields that find rows by typing (select2) draw a box of their own, which has no name for a screen reader.
"use strict";
function nameSearchBoxes() {
  for (const box of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
    const select = box.closest(".select2-container")?.previousElementSibling;
    const label = select?.id && document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    box.setAttribute("aria-label", label ? label.textContent.trim() : "Search");
  }
}
window.addEventListener("load", nameSearchBoxes);
window.addEventListener("load", () => window.django?.jQuery?.(document).on("select2:open", nameSearchBoxes));

// Choosing products: a box that finds them in the list, and how many are ticked. Another customer has other products.

for (const pick of document.querySelectorAll("[data-pick]")) {
  const labels = [...pick.querySelectorAll(".pick__list label")];
  const box = pick.querySelector("[data-finds]");
  const counter = pick.querySelector("[data-counts]");

  const count = () => {
    const ticked = pick.querySelectorAll(".pick__list input:checked").length;
    counter.textContent = ticked ? `${ticked} ticked. ` : "";
  };

  const find = () => {
    const wanted = box.value.trim().toLowerCase();
    for (const label of labels) {
      const ticked = label.querySelector("input").checked;
      label.hidden = !ticked && !label.textContent.toLowerCase().includes(wanted);
    }
  };

  pick.addEventListener("change", count);
  if (box) {
    box.hidden = false;
    box.addEventListener("input", find);
    // Enter would send the form while somebody is still looking.
    box.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  }
}

for (const choice of document.querySelectorAll("select[data-goes]")) {
  choice.addEventListener("change", () => {
    location.assign(`${choice.dataset.goes}?${new URLSearchParams({ [choice.name]: choice.value })}`);
  });
}

// Small comforts for keyboards; every page is whole without them.
// `/` to the search box, j and k along rows, Enter opens, y copies the address. Nothing happens inside inputs or with modifier keys.
(() => {
  const rows = () => [...document.querySelectorAll(".rows tbody tr, .step > tr:first-child")];
  let at = -1;
  const go = (step) => {
    const all = rows();
    if (!all.length) return;
    all[at]?.classList.remove("at");
    at = Math.min(Math.max(at + step, 0), all.length - 1);
    all[at].classList.add("at");
    const focus = all[at].querySelector("summary, .rid a");
    focus?.focus({ preventScroll: true });
    all[at].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) {
      if (event.key === "Escape") event.target.blur?.();
      return;
    }
    const search = document.getElementById("search");
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (event.key === "y") navigator.clipboard?.writeText(location.href);
  });
  // An id is copied by its button; without scripts one click selects it whole.
  if (navigator.clipboard) {
    for (const id of document.querySelectorAll(".ids .id")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(id.textContent);
        button.textContent = "copied";
        setTimeout(() => (button.textContent = "copy"), 1200);
      });
      id.after(button);
    }
  }
})();

// Heat maps: one stop for the Tab key, arrow keys between cells, what a cell means on hover and focus.
{
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  const show = cell => {
    tip.textContent = cell.dataset.tip;
    tip.hidden = false;
    const at = cell.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - tip.offsetWidth / 2),
      document.documentElement.clientWidth - tip.offsetWidth - 8);
    const above = at.top - tip.offsetHeight - 8;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above > 48 ? above : at.bottom + 8) + scrollY}px`;
  };
  const hide = () => { tip.hidden = true; };
  for (const table of document.querySelectorAll(".matrix table")) {
    const rows = [...table.tBodies[0].rows].map(row => [...row.querySelectorAll("td")]);
    table.setAttribute("role", "grid");
    rows.flat().forEach((cell, index) => {
      cell.tabIndex = index ? -1 : 0;
      if (!cell.title) return;
      const number = cell.textContent.trim();
      cell.dataset.tip = [...(cell.title.includes(number) ? [] : [number]), ...cell.title.split("; ")].join("\n");
      cell.setAttribute("aria-label", cell.dataset.tip.replaceAll("\n", "; "));
      cell.removeAttribute("title");
    });
    const over = event => {
      const cell = event.target.closest("td[data-tip]");
      if (cell) show(cell); else hide();
    };
    table.addEventListener("mouseover", over);
    table.addEventListener("mouseleave", hide);
    table.addEventListener("focusin", over);
    table.addEventListener("focusout", hide);
    table.addEventListener("keydown", event => {
      if (event.key === "Escape") hide();
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step) return;
      const y = rows.findIndex(row => row.includes(event.target));
      const next = rows[y + step[0]]?.[rows[y].indexOf(event.target) + step[1]];
      event.preventDefault();
      if (!next) return;
      event.target.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  }
}

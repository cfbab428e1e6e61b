// Sorting by a click on a heading: best first, worst first, the report's order.  Cells without a number stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead .sorters > th")];
  const body = table.tBodies[0];
  const given = [...body.rows];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    const numeric = head.classList.contains("num");
    const first = numeric && head.dataset.better !== "lower" ? "descending" : "ascending";
    const second = first === "descending" ? "ascending" : "descending";
    button.title = "Sort by this column";
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const next = { [first]: second, [second]: null }[before ?? ""];
      const order = next === undefined ? first : next;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      if (order === null) {
        body.append(...given);
        return;
      }
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const keyed = given.map(row => {
        const cell = row.children[column];
        return { row, number: parseFloat(cell.dataset.value), text: cell.textContent };
      });
      keyed.sort((a, b) => {
        if (!numeric) return sign * a.text.localeCompare(b.text);
        if (isNaN(a.number) || isNaN(b.number)) return isNaN(a.number) - isNaN(b.number);
        return sign * (a.number - b.number);
      });
      body.append(...keyed.map(entry => entry.row));
    });
  });
}

// Which rows the tables show: one choice for all of them.
for (const choice of document.querySelectorAll("fieldset.rows")) {
  choice.hidden = false;
  choice.addEventListener("change", event => {
    for (const row of document.querySelectorAll("table.sortable tr[data-row]")) {
      if (row.dataset.row === event.target.value) row.hidden = !event.target.checked;
    }
  });
}

// The translations: one page of segments at a time is built from the data, which lie in the document as JSON.
{
  const root = document.querySelector(".browser");
  if (root) {
    const PAGE = 20;
    const setup = JSON.parse(document.getElementById("translations-setup").textContent);
    const control = name => root.elements.namedItem(name);
    const list = root.querySelector(".segments");
    const said = root.querySelector(".said");
    const loaded = new Map();
    let data = null, order = [], page = 0;

    // -- data
    const parsed = async number => {
      if (!loaded.has(number)) {
        const node = document.getElementById(`translations-${number}`);
        let text = node.textContent;
        if (node.dataset.packed) {
          const bytes = Uint8Array.from(atob(text.trim()), letter => letter.charCodeAt(0));
          text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
        }
        loaded.set(number, JSON.parse(text));
      }
      return loaded.get(number);
    };
    // What a row has for the chosen seed; a row without that seed shows its first.
    const seedOf = bySeed => bySeed && (control("seed").value in bySeed ? control("seed").value : Object.keys(bySeed)[0]);
    const ofSeed = bySeed => bySeed?.[seedOf(bySeed)];
    const text = (row, i) => ofSeed(data.outputs[row])?.[i];
    const score = (metric, row, i) => ofSeed(data.scores[metric]?.[row])?.[i];
    const flags = (row, i) => Object.entries(ofSeed(data.flags[row]) ?? {})
      .filter(([, marked]) => marked.includes(i)).map(([name]) => name);
    const here = () => setup.rows.filter(row => data.outputs[row]);
    const shown = () => here().filter(row => control("show-" + row).checked);
    const better = metric => setup.lower.includes(metric) ? -1 : 1;
    const range = i => {
      const found = shown().map(row => score(control("metric").value, row, i)).filter(x => x !== undefined);
      return found.length > 1 ? Math.max(...found) - Math.min(...found) : undefined;
    };

    // -- order
    const SORTS = {
      order: null,
      // Smallest first, so what should come first is made small.
      lowest: i => { const x = score(control("metric").value, control("a").value, i);
        return x === undefined ? Infinity : better(control("metric").value) * x; },
      disagreement: i => -(range(i) ?? -Infinity),
      win: i => { const metric = control("metric").value;
        const a = score(metric, control("a").value, i), b = score(metric, control("b").value, i);
        return a === undefined || b === undefined ? Infinity : -better(metric) * (a - b); },
    };
    const arrange = () => {
      const words = control("query").value.trim().toLocaleLowerCase();
      const flag = control("flag").value;
      const found = i => !words || [data.sources[i], data.references[i], ...shown().map(row => text(row, i))]
        .some(line => line?.toLocaleLowerCase().includes(words));
      order = [...Array(data.shown).keys()].filter(i => found(i)
        && (!flag || shown().some(row => flags(row, i).includes(flag))));
      const key = SORTS[control("sort").value];
      if (key) {
        const keys = new Map(order.map(i => [i, key(i)]));
        order.sort((x, y) => keys.get(x) === keys.get(y) ? x - y : keys.get(x) < keys.get(y) ? -1 : 1);
      }
      page = 0;
      draw();
    };

    // -- drawing
    const make = (name, properties = {}, ...children) => {
      const node = Object.assign(document.createElement(name), properties);
      node.append(...children.filter(child => child !== null));
      return node;
    };
    const LETTER = /\p{L}/u, RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}]/u;
    const line = (words, side, against) => {
      // An output in the wrong language is set by its own script: the first letter decides, as with dir=auto.
      const letter = words?.match(LETTER)?.[0];
      const node = make("p", { lang: side.lang, dir: !letter ? side.dir : RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr" });
      if (!words?.trim()) {
        node.append(make("span", { className: "quiet", lang: "en", dir: "ltr",
          textContent: words === undefined ? "no translation" : "empty" }));
      } else if (!against?.trim()) {
        node.textContent = words;
      } else {
        const missing = control("missing").checked;
        let replaced = null;
        const runs = differences(against, words, data.unit);
        runs.forEach((run, at) => {
          // The first word has no blank before it, but what is missing may now stand before it.
          const apart = at === 1 && runs[0].kind === "missing" && data.unit === "word" ? " " : run.before;
          const before = node.hasChildNodes() ? apart : "";
          if (run.kind === "same") node.append(before + run.text);
          else if (run.kind === "extra") {
            node.append(before, make("mark", { textContent: run.text, title: replaced ? `instead of: ${replaced}` : "" }));
          }
          else if (missing) node.append(before, make("del", { textContent: run.text }));
          else if (runs[at + 1]?.kind !== "extra") {
            node.append(make("del", { className: "gap", textContent: "‸", title: `missing: ${run.text}` }));
          }
          replaced = run.kind === "missing" ? run.text : null;
        });
      }
      return node;
    };
    const scores = (row, i) => Object.keys(data.scores).map(metric => {
      const value = score(metric, row, i);
      if (value === undefined) return null;
      const all = shown().map(other => score(metric, other, i)).filter(x => x !== undefined);
      const top = better(metric) > 0 ? Math.max(...all) : Math.min(...all);
      const best = value.toFixed(1) === top.toFixed(1) && all.some(x => x.toFixed(1) !== top.toFixed(1));
      return make("span", { className: best ? "score best" : "score", textContent: `${metric} ${value.toFixed(1)}` });
    });
    const output = (row, i) => {
      const words = text(row, i), against = control("against").value;
      const base = against === "reference" ? data.references[i] : against && against !== row ? text(against, i) : "";
      const same = words !== undefined && words === data.references[i];
      const seed = seedOf(data.outputs[row]);
      const head = make("h4", {}, make("b", { textContent: setup.labels[row] }),
        seed === control("seed").value ? null : make("span", { textContent: `seed ${seed}` }),
        ...scores(row, i),
        same ? make("span", { textContent: "✓ the reference" }) : null,
        ...flags(row, i).map(name => make("span", { className: "flag", textContent: `⚑ ${name}` })));
      return make("div", { className: same ? "text same" : "text" }, head, line(words, data.target, base));
    };
    const segment = i => {
      const link = make("a", { href: `#translations/${data.name}/${i + 1}`, textContent: `Segment ${i + 1}` });
      const apart = range(i);
      const metric = control("metric").value;
      const heading = make("h3", {}, link,
        apart === undefined ? null : make("span", { textContent: `${metric} range ${apart.toFixed(1)}` }));
      const given = make("div", { className: "given" });
      const add = (name, words, side) => given.append(make("div", { className: "text" },
        make("h4", { textContent: name }), line(words, side)));
      if (data.sources.length) add("Source", data.sources[i], data.source);
      if (data.references.length) add("Reference", data.references[i], data.target);
      const node = make("article", { className: "segment", tabIndex: -1, ariaLabel: `Segment ${i + 1}` }, heading,
        given.hasChildNodes() ? given : null,
        make("div", { className: "outputs" }, ...shown().map(row => output(row, i))));
      node.dataset.segment = i + 1;
      return node;
    };
    const draw = () => {
      const pages = Math.max(1, Math.ceil(order.length / PAGE));
      page = Math.min(Math.max(0, page), pages - 1);
      const visible = order.slice(page * PAGE, page * PAGE + PAGE);
      list.replaceChildren(...visible.map(segment));
      if (list.firstChild) list.firstChild.tabIndex = 0;
      const cut = data.shown < data.total ? ` (the first ${data.shown} of ${data.total} are on this page)` : "";
      const first = page * PAGE;
      said.textContent = visible.length
        ? `${first + 1}–${first + visible.length} of ${order.length} segments${cut}`
        : `No segment fits${cut}.`;
      for (const pager of root.querySelectorAll(".pages")) {
        pager.hidden = pages === 1;
        pager.querySelector("span").textContent = `Page ${page + 1} of ${pages}`;
        pager.querySelector("[data-step='-1']").disabled = page === 0;
        pager.querySelector("[data-step='1']").disabled = page === pages - 1;
      }
    };

    // -- controls
    const options = (name, values, labels = value => value) => {
      const select = control(name), before = select.options.length ? select.value : null;
      select.replaceChildren(...values.map(value => make("option", { value, textContent: labels(value) })));
      if (values.includes(before)) select.value = before;
      const cell = select.closest("label");
      cell.hidden = !values.length || (values.length === 1 && cell.dataset.single === "hide");
    };
    const relevant = () => {
      const sort = control("sort").value;
      control("a").closest("label").hidden = !["lowest", "win"].includes(sort);
      control("b").closest("label").hidden = sort !== "win";
      // What is sorted by is looked at.
      for (const name of { lowest: ["a"], win: ["a", "b"] }[sort] ?? []) control("show-" + control(name).value).checked = true;
      control("metric").closest("label").hidden = Object.keys(data.scores).length < 2;
    };
    const choose = async (sameOrder = false) => {
      const number = Number(control("direction").value);
      if (document.getElementById(`translations-${number}`).dataset.packed && !globalThis.DecompressionStream) {
        said.textContent = "This browser cannot unpack them (DecompressionStream); the folder translations/ has them.";
        return;
      }
      data = await parsed(number);
      const rows = here(), label = row => setup.labels[row];
      const seeds = [...new Set(rows.flatMap(row => Object.keys(data.outputs[row])))].sort((x, y) => x - y);
      options("seed", seeds);
      options("metric", Object.keys(data.scores));
      options("a", rows, label);
      options("b", rows, label);
      if (!data.seen) [control("a").value, control("b").value] = [...shown(), ...rows];
      data.seen = true;
      if (control("a").value === control("b").value) control("b").value = rows.find(row => row !== control("a").value);
      const compared = [...(data.references.length ? ["reference"] : []), ...rows, ""];
      options("against", compared, value => value === "reference" ? "the reference" : value ? label(value) : "nothing");
      const measures = new Set(rows.flatMap(row => Object.values(data.flags[row] ?? {}).flatMap(Object.keys)));
      options("flag", measures.size ? ["", ...measures] : [], value => value || "all segments");
      for (const option of control("sort").options) {
        option.disabled = option.value !== "order" && !Object.keys(data.scores).length;
      }
      if (control("sort").selectedOptions[0]?.disabled) control("sort").value = "order";
      for (const row of setup.rows) control("show-" + row).closest("label").hidden = !data.outputs[row];
      relevant();
      if (!sameOrder) arrange();
    };
    const focus = node => {
      list.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
      node.tabIndex = 0;
      node.focus({ preventScroll: true });
      node.scrollIntoView({ block: "start" });
    };
    const turn = (step, last = false) => {
      if (page + step < 0 || (page + step) * PAGE >= order.length) return;
      page += step;
      draw();
      focus(last ? list.lastChild : list.firstChild);
    };
    root.addEventListener("change", event => {
      const name = event.target.name;
      if (name === "direction") choose();
      else if (name === "sort") { relevant(); arrange(); }
      else if (["a", "b"].includes(name)) { relevant(); arrange(); }
      else if (["seed", "metric", "flag"].includes(name)) arrange();
      else if (name.startsWith("show-")) {
        const { value } = control("sort");
        if (value === "disagreement" || control("query").value || control("flag").value) arrange(); else draw();
      }
      else if (name === "layout") list.classList.toggle("lines", event.target.value === "lines");
      else if (["against", "missing"].includes(name)) draw();
    });
    root.addEventListener("input", event => { if (event.target.name === "query") arrange(); });
    root.addEventListener("submit", event => event.preventDefault());
    root.addEventListener("click", event => {
      const button = event.target.closest("button");
      if (button?.dataset.step) turn(Number(button.dataset.step));
      if (button?.dataset.all) {
        for (const row of here()) control("show-" + row).checked = button.dataset.all === "yes";
        arrange();
      }
    });
    root.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && event.target.name === "query") { focus(list.firstChild ?? list); return; }
      if (event.target.matches("input[type=search], select")) return;
      const all = [...list.children];
      const at = all.indexOf(event.target.closest(".segment"));
      if (event.key === "j") { if (at + 1 < all.length) focus(all[at + 1]); else turn(1); }
      else if (event.key === "k") { if (at > 0) focus(all[at - 1]); else turn(-1, true); }
      else if (event.key === "n") turn(1);
      else if (event.key === "p") turn(-1);
      else if (event.key === "/") control("query").focus();
      else return;
      event.preventDefault();
    });

    // -- addresses such as #translations/en-de/12
    const visit = async () => {
      const [, name, number] = location.hash.match(/^#translations\/([^/]+)\/(\d+)$/) ?? [];
      const found = setup.names.indexOf(decodeURIComponent(name ?? ""));
      if (found < 0) return false;
      const changed = control("direction").value !== String(found);
      control("direction").value = found;
      await choose(!changed);
      if (!data) return false;
      const wanted = Number(number) - 1;
      if (!order.includes(wanted)) {
        control("query").value = control("flag").value = "";
        arrange();
      }
      page = Math.floor(Math.max(0, order.indexOf(wanted)) / PAGE);
      draw();
      const node = list.querySelector(`[data-segment="${wanted + 1}"]`);
      if (node) focus(node);
      return true;
    };
    addEventListener("hashchange", visit);
    root.hidden = false;
    choose().then(visit);
  }
}

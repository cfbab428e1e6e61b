// The link of the section in view is marked; for the printer everything unfolds.
{
  const links = new Map([...document.querySelectorAll("nav a")].map(link => [link.hash.slice(1), link]));
  const list = document.querySelector("nav ul");
  const sections = [...links.keys()].map(id => document.getElementById(id));
  let current;
  const mark = () => {
    const line = innerHeight / 3;
    const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 4;
    const found = end ? sections.at(-1) : sections.findLast(section => section.getBoundingClientRect().top <= line);
    const link = links.get((found ?? sections[0]).id);
    if (link === current) return;
    current?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    list.scrollLeft = link.offsetLeft - list.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
    current = link;
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  mark();

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach(block => { block.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach(block => { block.open = false; }));
}

// Words (or characters, where a script has no blanks) with the white space before each.
function tokens(text, unit) {
  const pattern = unit === "character" ? /(\s*)(\P{M}\p{M}*)/gu : /(\s*)([\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*|\S)/gu;
  return [...text.trim().matchAll(pattern)].map(([, before, word]) => ({ before, word }));
}

// What became of `from` in `to`: runs of {kind: "same" | "missing" | "extra", before, text}, by the longest common
// subsequence of their tokens.  "missing" is in `from` alone, "extra" in `to` alone.
function differences(from, to, unit) {
  const a = tokens(from, unit), b = tokens(to, unit), runs = [];
  const put = (kind, token) => {
    const last = runs.at(-1);
    if (last?.kind === kind) last.text += token.before + token.word;
    else runs.push({ kind, before: token.before, text: token.word });
  };
  let start = 0, endA = a.length, endB = b.length;
  while (start < endA && start < endB && a[start].word === b[start].word) start++;
  while (endA > start && endB > start && a[endA - 1].word === b[endB - 1].word) { endA--; endB--; }
  const height = endA - start, width = endB - start, line = width + 1;
  const longest = new Uint16Array((height + 1) * line);
  for (let i = height - 1; i >= 0; i--) {
    for (let j = width - 1; j >= 0; j--) {
      longest[i * line + j] = a[start + i].word === b[start + j].word
        ? longest[(i + 1) * line + j + 1] + 1
        : Math.max(longest[(i + 1) * line + j], longest[i * line + j + 1]);
    }
  }
  for (let k = 0; k < start; k++) put("same", b[k]);
  let i = 0, j = 0;
  while (i < height || j < width) {
    if (i < height && j < width && a[start + i].word === b[start + j].word) {
      put("same", b[start + j]);
      i++; j++;
    } else if (i < height && (j === width || longest[(i + 1) * line + j] >= longest[i * line + j + 1])) {
      put("missing", a[start + i++]);
    } else {
      put("extra", b[start + j++]);
    }
  }
  for (let k = endB; k < b.length; k++) put("same", b[k]);
  return runs;
}

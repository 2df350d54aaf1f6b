// The typewriter: shows more and more of a rendered text.

const shown = new WeakMap();
const DURATION_MS = 700;

/** Remove the text after `count` characters, and the elements that hold nothing then. */
function cut(root, count) {
  let left = count;
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (left < node.data.length) node.data = node.data.slice(0, left);
      left -= Math.min(left, node.data.length);
      return;
    }
    for (const child of [...node.childNodes]) {
      if (left <= 0) child.remove();
      else walk(child);
    }
  };
  walk(root);
}

/** Show `html` in `box`: what was there stays, what is new is typed when `typed`. */
export function reveal(box, html, typed) {
  const before = shown.get(box) || { chars: 0, frame: 0 };
  cancelAnimationFrame(before.frame);
  const whole = document.createElement("template");
  whole.innerHTML = html;
  const total = whole.content.textContent.length;
  const from = Math.min(before.chars, total);
  if (!typed || total <= from || matchMedia("(prefers-reduced-motion: reduce)").matches) {
    box.replaceChildren(whole.content);
    shown.set(box, { chars: total, frame: 0 });
    return;
  }
  const start = performance.now();
  const step = (now) => {
    const chars = Math.round(from + (total - from) * Math.min(1, (now - start) / DURATION_MS));
    const part = whole.content.cloneNode(true);
    if (chars < total) cut(part, chars);
    box.replaceChildren(part);
    shown.set(box, { chars, frame: chars < total ? requestAnimationFrame(step) : 0 });
  };
  shown.set(box, { chars: from, frame: requestAnimationFrame(step) });
}

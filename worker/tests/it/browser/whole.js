// What is wrong with the page as it stands: one line for each fault. Comes from a test, through
// the driver.
const faults = [];
const check = (holds, fault) => holds || faults.push(fault);
const all = (selector) => [...document.querySelectorAll(selector)];
const isShown = (element) => element.checkVisibility();
const short = (element) => element.outerHTML.slice(0, 120);

check(document.documentElement.lang === "en", "the page says no language");
check(/^\S.* · Hubline$/.test(document.title), `the title is "${document.title}"`);
check(document.compatMode === "CSS1Compat", "the page is in quirks mode");
check(all("h1").filter(isShown).length === 1, `${all("h1").length} first headings`);
check(all("main").length === 1, "not one main part");

let level = 0;
for (const heading of all("h1, h2, h3, h4")) {
  const own = Number(heading.tagName[1]);
  check(own <= level + 1, `after h${level}: ${short(heading)}`);
  level = own;
}

const ids = all("[id]").map((element) => element.id);
check(new Set(ids).size === ids.length, `an id twice: ${ids}`);
for (const name of ["aria-labelledby", "aria-describedby"]) {
  for (const element of all(`[${name}]`)) {
    check(document.getElementById(element.getAttribute(name)), `named after nothing: ${short(element)}`);
  }
}
for (const field of all("input:not([type=hidden]), select, textarea")) {
  const labels = [...field.labels].map((label) => label.textContent.trim()).join("");
  check(labels || field.getAttribute("aria-label"), `no label: ${short(field)}`);
}
// A tick is no field to write in.
for (const tick of all("input[type=checkbox], input[type=radio]").filter(isShown)) {
  const { width, height } = tick.getBoundingClientRect();
  check(Math.max(width, height) <= 24, `${width} by ${height} px: ${short(tick)}`);
}
for (const element of all("a, button, summary, progress, svg[role=img]")) {
  check(element.getAttribute("aria-label") || element.textContent.trim(), `no name: ${short(element)}`);
}
for (const cell of all("th")) check(cell.scope, `a heading of nothing: ${short(cell)}`);

const room = document.documentElement.clientWidth;
check(document.documentElement.scrollWidth <= room, `${document.documentElement.scrollWidth} px in ${room}`);
for (const element of all("main *").filter(isShown)) {
  // What scrolls by itself may be as wide as it likes.
  const scroll = element.closest(".scroll");
  if (element.closest("pre, .hidden, svg") || (scroll && getComputedStyle(scroll).overflowX === "auto")) continue;
  const box = element.getBoundingClientRect();
  check(box.width === 0 || box.right <= room + 0.5, `ends at ${box.right} of ${room} px: ${short(element)}`);
}

// Text stands out from what is behind it, as WCAG 2.2 asks of level AA.
const channels = (color) => {
  const numbers = color.match(/^rgba?\(([^)]*)\)$/)?.[1].split(/[\s,/]+/).map(Number);
  return numbers && { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
};
const luminance = ({ rgb }) => {
  const [r, g, b] = rgb.map((it) => (it / 255 <= 0.04045 ? it / 255 / 12.92 : ((it / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let it = element; it; it = it.parentElement) {
    const color = channels(getComputedStyle(it).backgroundColor);
    if (color && color.alpha === 1) return color;
  }
  return channels("rgb(255, 255, 255)");
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !isShown(element) || element.closest("option, .hidden, .skip")) continue;
  const style = getComputedStyle(element);
  const [one, other] = [luminance(channels(style.color)), luminance(behind(element))].sort((a, b) => b - a);
  const contrast = (one + 0.05) / (other + 0.05);
  const isLarge = parseFloat(style.fontSize) >= 24;
  check(contrast >= (isLarge ? 3 : 4.5), `a contrast of ${contrast.toFixed(2)}: ${short(element)}`);
}
return faults;

// The panel: asks for the layer's statistics once a second, while somebody looks.

const SECONDS = 60;
const EVERY = 1000; // milliseconds
const WIDTH = 300;
const HEIGHT = 90;
const STEP = WIDTH / (SECONDS - 1);

// What the layer calls them, and what it means.
const CAUSES = {
  expired: "expired unread",
  over_capacity: "met a full channel",
  reader_died: "its reader died",
  undecodable: "could not be decoded",
};

const byId = (id) => document.getElementById(id);
const panel = byId("panel");
const narrow = matchMedia("(max-width: 60rem)");
const rates = Array(SECONDS + 1).fill(0);
let last = null; // { at, count } of the last figures
let timer = null;

async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  const asked = performance.now();
  try {
    const response = await fetch("/statistics", { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(response.statusText);
    draw(await response.json(), performance.now());
    byId("lost").hidden = true;
  } catch {
    byId("lost").hidden = false;
    last = null;
    push(0);
  }
  clearTimeout(timer);
  timer = setTimeout(look, Math.max(100, EVERY - (performance.now() - asked)));
}

function draw(figures, now) {
  const rate = rateSince(last, figures.messages_count, now);
  last = { at: now, count: figures.messages_count };
  push(rate);
  tell("rate", round(rate));
  tell("brief-rate", round(rate));
  tell("pending", figures.messages_pending);
  tell("brief-pending", figures.messages_pending);
  tell("age", figures.messages_pending ? `${figures.messages_max_age.toFixed(1)} s` : "–");
  tell("total", short(figures.messages_count));
  tell("groups", figures.groups);
  drawRooms(figures.rooms);
  drawDrops(figures.drops);
}

function rateSince(before, count, now) {
  if (before === null || count < before.count) return 0; // the server began anew
  return (1000 * (count - before.count)) / (now - before.at);
}

// -- the line --------------------------------------------------------------------------

function push(rate) {
  rates.shift();
  rates.push(rate);
  const top = niceTop(Math.max(...rates));
  const points = rates.map((value, index) => [(index - 1) * STEP, HEIGHT - 2 - (value / top) * (HEIGHT - 8)]);
  const path = `M${points.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}`;
  byId("line").setAttribute("d", path);
  byId("area").setAttribute("d", `${path}L${WIDTH} ${HEIGHT}L${-STEP} ${HEIGHT}Z`);
  byId("chart").setAttribute("aria-label", `Messages per second over the last minute: now ${round(rate)}, at most ${round(Math.max(...rates))}`);
  tell("top", `${top} a second`);
  glide();
}

function glide() {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const from = { transform: `translateX(${STEP}px)` };
  byId("moving").animate([from, { transform: "none" }], { duration: EVERY, easing: "linear" });
}

function niceTop(most) {
  if (most <= 10) return 10;
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((times) => times * unit).find((top) => top >= most);
}

// -- groups and drops --------------------------------------------------------------------

function drawRooms(rooms) {
  const sizes = Object.entries(rooms);
  const most = Math.max(1, ...sizes.map(([, size]) => size));
  const items = sizes.map(([group, size]) => roomItem(group, size, most));
  const focused = document.activeElement?.closest("#rooms a")?.getAttribute("href");
  byId("rooms").replaceChildren(...items);
  if (focused) byId("rooms").querySelector(`[href="${focused}"]`)?.focus();
}

function roomItem(group, size, most) {
  const name = group.slice("chat.".length);
  const item = document.createElement("li");
  item.style.setProperty("--part", `${(100 * size) / most}%`);
  const link = document.createElement("a");
  link.href = `/room/${name}`;
  link.className = name === byId("room").textContent ? "here" : "";
  link.append(textIn("span", group), textIn("b", size));
  link.setAttribute("aria-label", `${group}, ${size} member${size === 1 ? "" : "s"}: go to this room`);
  item.append(link);
  return item;
}

function drawDrops(drops) {
  const rows = Object.entries(drops).flatMap(([cause, count]) => {
    const label = textIn("dt", CAUSES[cause] ?? cause);
    const value = textIn("dd", count);
    value.id = `drops-${cause}`;
    value.className = count ? "some" : "";
    return [label, value];
  });
  byId("drops").replaceChildren(...rows);
}

// -- words and numbers -------------------------------------------------------------------

function tell(id, words) {
  byId(id).textContent = words;
}

function textIn(tag, words) {
  const made = document.createElement(tag);
  made.textContent = words;
  return made;
}

const round = (rate) => (rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate));
const short = (count) => Intl.NumberFormat("en", { notation: count < 10000 ? "standard" : "compact" }).format(count);

// -- the page ----------------------------------------------------------------------------

async function makeWaves(event) {
  event.target.disabled = true;
  try {
    await fetch("/waves", { method: "POST" });
    await look();
  } finally {
    event.target.disabled = false;
  }
}

function fold() {
  panel.open = !narrow.matches;
}

byId("waves").addEventListener("click", makeWaves);
byId("go").addEventListener("submit", (event) => {
  event.preventDefault();
  location.href = `/room/${byId("other").value}`;
});
document.addEventListener("visibilitychange", () => document.hidden || look());
narrow.addEventListener("change", fold);

fold();
look();

// The chat: one WebSocket, JSON {user, text} each way.
//
// A frame without a text says who is here: {user, id}, or {user: null, id} from one who left.
// A frame {error} is the server's answer to what it did not take.

const room = location.pathname.split("/")[2] || "lobby";
const byId = (id) => document.getElementById(id);
const [log, scroll, user, text] = ["log", "scroll", "user", "text"].map(byId);

const LONGEST_PAUSE = 8000; // milliseconds between two attempts to connect
const MOST_LINES = 500; // kept on the page
const CLOSE_CROWD = 20; // in a larger one, nobody says his name to each newcomer

const waiting = []; // my lines that have not come back yet, in order
const people = new Map(); // names by id
let socket = null;
let attempts = 0;
let retry = null; // the timer of the next attempt
let introduction = null; // the timer of the next hello
let since = 0; // when the connection was made
let wasOpen = false;
let lastSpeaker = null;
let myName = "";

// -- the connection ----------------------------------------------------------------

function connect() {
  clearTimeout(retry);
  show("connecting", attempts ? "Reconnecting…" : "Connecting…");
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/chat/${room}`);
  socket.onopen = opened;
  socket.onclose = closed;
  socket.onmessage = (event) => take(JSON.parse(event.data));
}

function opened() {
  if (attempts) note("You are connected again. What was said meanwhile is not kept.");
  attempts = 0;
  since = performance.now();
  wasOpen = true;
  show("open", "Connected");
  listPeople();
  hello();
}

function closed() {
  if (wasOpen) note("The connection dropped.");
  wasOpen = false;
  while (waiting.length) fail(waiting.shift(), "Not sent: the connection dropped.");
  people.clear();
  listPeople();
  const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** attempts) * (0.75 + Math.random() / 2);
  attempts += 1;
  show("lost", "Connection lost, trying again");
  retry = setTimeout(connect, pause);
}

function connectNow() {
  if (socket.readyState === WebSocket.CLOSED) connect();
}

function show(state, words) {
  byId("status").dataset.state = state;
  byId("status-text").textContent = words;
  allowSending();
}

// -- what comes in -------------------------------------------------------------------

function take(frame) {
  if (frame.error) refused(frame.error);
  else if (frame.id) met(frame.id, frame.user);
  else heard(frame);
}

function heard(said) {
  const mine = waiting[0];
  if (mine && said.user === mine.user && said.text === mine.text) confirm(waiting.shift());
  else add(line(said));
}

function refused(error) {
  const mine = waiting.shift();
  if (mine) fail(mine, `Not sent: ${error}`);
  else byId("problem").textContent = error;
}

function met(id, name) {
  const before = people.get(id);
  if (name === null) people.delete(id);
  else people.set(id, name);
  if (name === null && before) note(`${before} left`);
  else if (before && before !== name) note(`${before} is now called ${name}`);
  else if (!before && name) greet(name);
  listPeople();
}

function greet(name) {
  // Whoever is heard of in the first moments, oneself among them, was here before.
  if (performance.now() - since > 1500) note(`${name} came in`);
  if (people.size <= CLOSE_CROWD) introduction ??= setTimeout(hello, 100 + 300 * Math.random());
}

function listPeople() {
  const list = byId("people");
  if (!canSend()) list.replaceChildren("Nobody can be heard at the moment");
  else if (people.size < 2) list.replaceChildren("Nobody else is here yet");
  else {
    list.replaceChildren("Here: ");
    [...people.values()].forEach((name, index) => list.append(index ? ", " : "", bold(name)));
  }
  list.title = list.textContent;
}

// -- what goes out -------------------------------------------------------------------

function hello() {
  clearTimeout(introduction);
  introduction = null;
  myName = user.value;
  if (canSend()) socket.send(JSON.stringify({ user: myName }));
}

function speak() {
  const said = { user: user.value, text: text.value.trim() };
  if (!said.text || !canSend()) return;
  const item = line(said, true);
  item.classList.add("waiting");
  waiting.push({ ...said, item });
  add(item);
  socket.send(JSON.stringify(said));
  text.value = "";
  byId("problem").textContent = "";
  allowSending();
}

function confirm({ item }) {
  item.classList.remove("waiting");
}

function fail({ item, text: words }, why) {
  item.classList.replace("waiting", "failed");
  const failure = document.createElement("span");
  failure.className = "failure";
  failure.textContent = why;
  item.append(failure);
  if (!text.value) text.value = words;
  allowSending();
}

const canSend = () => socket !== null && socket.readyState === WebSocket.OPEN;

function allowSending() {
  byId("send").disabled = !canSend() || !text.value.trim();
  const left = text.maxLength - text.value.length;
  byId("count").hidden = left > 200;
  byId("count").textContent = `${left} left`;
}

// -- lines: textContent only, so that nothing anybody says is ever taken for HTML ----------

function line(said, mine = false) {
  const item = document.createElement("li");
  const speaker = mine ? null : said.user;
  item.className = `said${mine ? " mine" : ""}${speaker === lastSpeaker ? "" : " first"}`;
  item.style.setProperty("--hue", hueOf(said.user));
  const time = document.createElement("time");
  time.dateTime = new Date().toISOString();
  time.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const who = element("span", "who");
  who.append(bold(said.user), " ", time);
  const mark = element("span", "mark", [...said.user][0].toUpperCase());
  mark.setAttribute("aria-hidden", "true");
  item.append(mark, who, element("span", "text", said.text));
  lastSpeaker = speaker;
  return item;
}

function note(words) {
  lastSpeaker = undefined;
  add(element("li", "note", words));
}

function add(item) {
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  byId("empty").hidden ||= item.classList.contains("said");
  log.append(item);
  while (log.children.length > MOST_LINES) log.firstChild.remove();
  if (atEnd || item.classList.contains("mine")) scroll.scrollTop = scroll.scrollHeight;
}

function element(tag, className, content = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = content;
  return made;
}

function bold(content) {
  return element("b", "", content);
}

function hueOf(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return (hash * 47) % 360;
}

// -- the page --------------------------------------------------------------------------

const BIRDS = ["Puffin", "Heron", "Tern", "Gannet", "Cormorant", "Avocet", "Eider", "Curlew", "Dunlin", "Petrel", "Osprey", "Plover"];

function begin() {
  // A name per tab, so that two tabs are two people.
  user.value = sessionStorage.getItem("user") || BIRDS[Math.floor(Math.random() * BIRDS.length)];
  byId("room").textContent = room;
  byId("second").href = location.pathname;
  document.title = `${room} · Fairway chat`;
  connect();
  if (matchMedia("(hover: hover)").matches) text.focus();
}

function rename() {
  user.value = user.value.trim() || myName;
  sessionStorage.setItem("user", user.value);
  if (user.value !== myName) hello();
}

user.addEventListener("change", rename);
user.addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    event.preventDefault();
    text.focus();
  }
});
text.addEventListener("input", allowSending);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    speak();
  }
});
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  speak();
});
addEventListener("online", connectNow);
document.addEventListener("visibilitychange", () => document.hidden || connectNow());

begin();

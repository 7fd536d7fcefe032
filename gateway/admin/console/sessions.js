// Exchanges of a trace as sessions. No input, no output.

const GAP_MS = 60_000;

const NAMES = { omadm: "OMA DM", "omadm-xml": "OMA DM", "omadm-wbxml": "OMA DM", rcc14: "RCC.14", omacp: "OMA CP" };

export const protocolName = (protocol) => NAMES[protocol] ?? protocol;

const PUSHES = {
  dm_notify: "OMA DM package 0",
  rcscfg: "RCC.14 reconfiguration",
  bootstrap: "OMA CP bootstrap",
  cp: "OMA CP settings",
};

// What a kind of push is called, which is also a way to make a device call.
export const pushName = (kind) => PUSHES[kind] ?? kind;

// Exchanges, oldest first, as sessions, newest first: { key, protocol, session, at, exchanges, refusals, outcome }.
export function sessionsOf(exchanges) {
  const sessions = [];
  for (const exchange of exchanges) {
    const protocol = protocolName(exchange.protocol);
    const session = exchange.messages.find((message) => message.session)?.session ?? "";
    const last = sessions.find((one) => one.protocol === protocol);
    const near = last && Date.parse(exchange.at) - Date.parse(last.exchanges.at(-1).at) < GAP_MS;
    if (near && last.session === session) last.exchanges.push(exchange);
    else sessions.unshift({ key: String(exchange.seq), protocol, session, at: exchange.at, exchanges: [exchange] });
  }
  return sessions.map((session) => ({ ...session, refusals: session.exchanges.flatMap(refusalsOf), outcome: outcomeOf(session) }));
}

// Changes that the phone refused. That it does not have what it was asked for is no refusal.
const refusalsOf = (exchange) => exchange.decisions.filter((decision) => /^refused (?!Get )/.test(decision));

// What a simulated device needs to behave in the same way: which it is, and for a phone how it speaks and what it refuses.
export function manner({ protocol, exchanges }) {
  if (protocol === "RCC.14") return { device: "rcc14" };
  const said = exchanges.flatMap(({ messages }) => messages.filter(({ direction }) => direction === "received").flatMap(({ says }) => says));
  const refused = said.map((line) => /^\s*Status ([45]\d\d) to (?:Add|Replace|Delete|Copy|Exec) (\.[^\s:?]+)/.exec(line)).filter((found) => found && found[1] !== "401" && found[1] !== "407");
  const refuse = Object.entries(Object.fromEntries(refused.map(([, code, uri]) => [uri, code]))).map(([uri, code]) => `${uri}=${code}`);
  return { device: "omadm", wbxml: exchanges[0].protocol === "omadm-wbxml" ? "1" : "", refuse: refuse.join(" ") };
}

// What a session came to in a few words: the last thing that was decided in it, or how it was answered.
function outcomeOf({ exchanges }) {
  const last = exchanges.at(-1);
  const answer = last.messages.find((message) => message.direction === "sent");
  return last.decisions.at(-1) ?? answer?.line ?? "";
}

// The kind of a line that a message says, by its first word: how it is coloured.
export function kindOf(line) {
  const [, code] = /^\s*Status (\d{3}) /.exec(line) ?? [];
  if (code) return /^(2|304|407)/.test(code) || /^\s*Status 404 to Get /.test(line) ? "good" : "bad";
  return /^\s*(Add|Replace|Delete|Exec|Copy|Get|Atomic|Sequence|Alert)\b/.test(line) ? "command" : "";
}

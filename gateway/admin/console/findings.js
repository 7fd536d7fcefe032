// Why a phone may not work, in plain words. No input, no output.

const STATES = {
  dormant: "The network has put the service to sleep.",
  disabled: "The network has switched the service off.",
  disabled_until_user: "The service is off until its user asks for it.",
  disabled_permanently: "The network has switched the service off for good.",
};

const ACTIVATIONS = {
  "not configured": ["warn", "The RCC.14 client has never been given a configuration."],
  "disabled by user": ["warn", "The user has switched the RCS service off on the phone, or rejected the terms."],
  "waiting for user": ["warn", "The RCS service waits for the user to switch it on."],
  dormant: ["warn", "The RCS client is dormant."],
};

const finding = (tone, text, tab) => ({ tone, text, tab });

// What stands out about one device of a subscriber, gravest first: { tone, text, tab } each.
export function findings(subscriber, device) {
  const found = [
    ...ofStates(subscriber, device),
    ...ofOmaDm(device),
    ...ofRcc14(device.rcc14),
    ...ofWork(device),
  ];
  if (!device.last_seen_at) found.push(finding("warn", "The phone has never called."));
  return found.sort((one, other) => (other.tone === "bad") - (one.tone === "bad"));
}

function ofStates(subscriber, device) {
  const states = [[subscriber.state, "bad"], [device.state ?? "active", "bad"]];
  return states.filter(([state]) => state in STATES).map(([state, tone]) => finding(tone, STATES[state]));
}

function ofOmaDm({ omadm, leaves }) {
  if (!omadm) return [];
  const standing = (name) => leaves.filter((leaf) => leaf.standing === name);
  const found = standing("refused").map((leaf) =>
    finding("bad", `The phone refused ${leaf.node}: ${leaf.status} ${leaf.meaning}. It still holds ${leaf.held ?? "nothing there"}.`, "tree"),
  );
  const differing = standing("read back, differs").length;
  const waiting = standing("pending").length + standing("sent, not answered").length;
  if (differing) found.push(finding("warn", `${count(differing, "value")} on the phone ${differing === 1 ? "is" : "are"} not what the gateway set.`, "tree"));
  if (waiting) found.push(finding("warn", `${count(waiting, "value")} ${waiting === 1 ? "waits" : "wait"} for the next OMA DM session.`, "tree"));
  return found;
}

function ofRcc14(state) {
  if (!state) return [];
  const found = [];
  const { activation, version, sent_version: sent, reported_version: reported } = state;
  if (activation in ACTIVATIONS) found.push(finding(...ACTIVATIONS[activation]));
  if (version > sent) found.push(finding("warn", `Version ${version} is due; the RCC.14 client was last sent ${sent || "none"}.`));
  else if (reported !== null && reported > 0 && reported < sent) found.push(finding("warn", `The RCC.14 client was sent version ${sent} and says it holds ${reported}.`));
  if (state.terms_sent && state.terms_accepted !== state.terms_sent) found.push(finding("warn", `The user has not accepted the terms of use (${state.terms_sent}).`));
  return found;
}

function ofWork({ pushes, jobs }) {
  const found = jobs.filter((job) => job.state === "failed" || job.state === "expired").slice(-1)
    .map((job) => finding("bad", `${job.kind} ${job.action} ${job.state}: ${job.code ?? ""} ${job.meaning}`.trim(), "operations"));
  const last = newest(pushes);
  if (last?.state === "failed") found.push(finding("bad", `The last push failed: ${last.why || "no reason given"}.`, "pushes"));
  return found;
}

const newest = (pushes) => [...pushes].sort((one, other) => one.ordered_at.localeCompare(other.ordered_at)).at(-1);

export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

// The frame around every screen: navigation, search, and who is signed in.
import { get, giveReason, may, onSignedOut, segment, signOut } from "./api.js";
import { html, render, useEffect, useRef, useState } from "./dom.js";
import { clock, Heading, Problem, useAction, useLoad } from "./parts.js";
import { go, to, useRoute } from "./route.js";
import { Access } from "./screens/access.js";
import { Audit } from "./screens/audit.js";
import { Campaign, Campaigns } from "./screens/campaigns.js";
import { Devices } from "./screens/devices.js";
import { Exports } from "./screens/exports.js";
import { Editions } from "./screens/editions.js";
import { AllEvents } from "./screens/events.js";
import { Import } from "./screens/import.js";
import { Live, LiveOne } from "./screens/live.js";
import { Login } from "./screens/login.js";
import { Overview } from "./screens/overview.js";
import { Packages } from "./screens/packages.js";
import { Profile, Profiles } from "./screens/profiles.js";
import { Messaging } from "./screens/messaging.js";
import { Rules } from "./screens/rules.js";
import { Server } from "./screens/server.js";
import { Simulator } from "./screens/simulator.js";
import { Subscriber } from "./screens/subscriber.js";
import { Subscribers } from "./screens/subscribers.js";
import { Webhook, Webhooks } from "./screens/webhooks.js";

// Every screen by what people come for, with the permission that it is of use with. The first that they may is where they begin.
const GROUPS = {
  Fleet: [
    { path: "subscribers", name: "Subscribers", list: Subscribers, one: Subscriber, needs: "subscribers:read" },
    { path: "devices", name: "Devices", list: Devices, needs: "devices:read" },
    { path: "live", name: "Live sessions", list: Live, one: LiveOne, needs: "trace:read" },
    { path: "overview", name: "Overview", list: Overview, needs: "events:read" },
  ],
  Configuration: [
    { path: "profiles", name: "Profiles", list: Profiles, one: Profile, needs: "profiles:read" },
    { path: "editions", name: "Editions", list: Editions, needs: "profiles:read" },
    { path: "campaigns", name: "Campaigns", list: Campaigns, one: Campaign, needs: "campaigns:read" },
    { path: "packages", name: "Packages", list: Packages, needs: "packages:read" },
  ],
  "What happens": [
    { path: "events", name: "Events", list: AllEvents, needs: "events:read" },
    { path: "rules", name: "Rules", list: Rules, needs: "detections:read" },
    { path: "messaging", name: "Messaging", list: Messaging, needs: "pushes:read" },
    { path: "webhooks", name: "Webhooks", list: Webhooks, one: Webhook, needs: "webhooks:read" },
  ],
  Administration: [
    { path: "import", name: "Import", list: Import, needs: "subscribers:write" },
    { path: "exports", name: "Exports", list: Exports, needs: "subscribers:read" },
    { path: "audit", name: "Audit", list: Audit, needs: "audit:read" },
    { path: "access", name: "Access", list: Access, needs: "users:read" },
    { path: "server", name: "Server", list: Server, needs: "settings:read" },
    { path: "simulator", name: "Simulator", list: Simulator, needs: "trace:read", lab: true },
  ],
};
const SCREENS = Object.values(GROUPS).flat();

// The subscriber, and the device where the name is one's own, that an id, number, SIM or phone leads to.
async function find(name) {
  const subscriber = await get(`/subscribers/${segment(name)}`);
  const device = subscriber.devices.find((one) => one.id === name || one.imei === name);
  return [subscriber.id, ...(device ? [device.id] : [])];
}

function Search() {
  const box = useRef();
  const [search, { busy, problem }, forget] = useAction(async (name) => {
    try {
      go(["subscribers", ...(await find(name))]);
      box.current.blur();
    } catch (refused) {
      if (refused.status !== 404) throw refused;
      go(["subscribers"], { q: name });
    }
  });
  useEffect(() => {
    const focus = (event) => {
      const typing = event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        box.current.select();
        box.current.focus();
      }
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  const submit = (event) => {
    event.preventDefault();
    const name = box.current.value.trim();
    if (name) search(name);
  };
  return html`<form class="search" role="search" onSubmit=${submit}>
    <input
      ref=${box} type="search" aria-label="Find a subscriber or device" aria-keyshortcuts="/" autocomplete="off" spellcheck=${false}
      placeholder="MSISDN, IMSI, IMEI or id" aria-busy=${busy} onInput=${forget}
    />
    <kbd aria-hidden="true">/</kbd>
    <${Problem} of=${problem} />
  </form>`;
}

// Why changes are made here; it is forgotten with going elsewhere, where another reason holds.
function Reason() {
  useEffect(() => () => giveReason(""), []);
  return html`<input
    class="reason" aria-label="Reason for changes" placeholder="Reason for changes" title="Kept in the audit log with each change made here"
    maxlength="200" autocomplete="off" onInput=${(event) => giveReason(event.target.value)}
  />`;
}

function Frame({ route, session, children, onClock }) {
  const [name] = route.segments;
  const lab = useLoad(async () => may("trace:read") && (await get("/simulator")).devices.length > 0, []);
  const changes = session.permissions.some((one) => one.endsWith(":write"));
  return html`
    <a class="skip" href="#content" onClick=${skip}>Skip to the content</a>
    <header class="bar">
      <a class="brand" href="#/"><img src="icon.svg" alt="" width="24" height="24" />MOGate</a>
      <${Search} />
      ${changes && html`<${Reason} key=${route.segments.slice(0, 2).join("/")} />`}
      <div class="who">
        <button type="button" class="quiet small" onClick=${onClock} title="Times in UTC or of this machine">${clock.utc ? "UTC" : "Local time"}</button>
        <span class="muted" title=${session.tenant && `tenant ${session.tenant}`}>${session.name.replace("user:", "")} (${session.role || "token"})</span>
        <button type="button" class="quiet small" onClick=${signOut}>Sign out</button>
      </div>
    </header>
    <nav class="screens" aria-label="Screens">
      ${Object.entries(GROUPS).map(([group, screens]) => [group, screens.filter((screen) => may(screen.needs) && (!screen.lab || lab.data))]).filter(([, screens]) => screens.length).map(([group, screens]) => html`<div key=${group} role="group" aria-label=${group}>
        <span class="group" aria-hidden="true">${group}</span>
        ${screens.map((screen) => html`<a key=${screen.path} href=${to([screen.path])} aria-current=${screen.path === name ? "page" : undefined}>${screen.name}</a>`)}
      </div>`)}
    </nav>
    <main id="content" tabindex="-1">${children}</main>
    <p id="said" class="unseen" aria-live="polite"></p>
  `;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

function Screen({ route }) {
  const [name, ...rest] = route.segments;
  const screen = SCREENS.find((one) => one.path === name);
  if (!screen) return html`<${Heading} title="There is no such screen" /><p>Choose one on the left, or search above.</p>`;
  if (!may(screen.needs)) {
    return html`<${Heading} title=${screen.name} /><p class="notice warn">This screen needs the permission ${screen.needs}, which you do not have. An administrator gives people their roles, on the screen Access.</p>`;
  }
  const View = rest.length && screen.one ? screen.one : screen.list;
  return html`<${View} key=${rest[0]} path=${rest} query=${route.query} />`;
}

function Console() {
  const route = useRoute();
  const [session, setSession] = useState(null);
  const [, draw] = useState(0);
  const shown = useRef("");
  const place = route.segments.slice(0, 2).join("/");
  useEffect(() => onSignedOut(() => setSession(null)), []);
  useEffect(() => {
    if (session && !place) go([(SCREENS.find(({ needs }) => may(needs)) ?? SCREENS[0]).path]);
    scrollTo(0, 0);
    // Whoever goes to another screen goes on from there, by keyboard and by ear.
    if (shown.current && place) document.getElementById("content")?.focus({ preventScroll: true });
    shown.current = session && place;
  }, [session, place]);
  if (!session) return html`<${Login} onSignedIn=${setSession} />`;
  const toggleClock = () => {
    clock.toggle();
    draw((times) => times + 1);
  };
  return html`<${Frame} route=${route} session=${session} onClock=${toggleClock}><${Screen} route=${route} /><//>`;
}

render(html`<${Console} />`, document.getElementById("app"));

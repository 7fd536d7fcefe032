// The campaigns that a device is of, and where it stands in each.
import { get, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Command, Loaded, Table, useLoad, When } from "../parts.js";
import { to } from "../route.js";

export function Memberships({ device }) {
  const loaded = useLoad(() => get(`/devices/${segment(device.id)}/campaigns`), [device.id]);
  return html`<${Loaded} from=${loaded}>${(found) => html`
    <${Table} label="Campaigns" head=${["Campaign", "Is", "This device", "Since", "Why"]} empty="No campaign is for this device.">
      ${found.map(({ campaign, name, campaign_state: is, state, at, code, meaning, why }) => html`<tr key=${campaign}>
        <th scope="row"><a href=${to(["campaigns", campaign], { state })}>${name}</a></th>
        <td><${Badge}>${is}<//></td>
        <td><${Badge}>${state}<//></td>
        <td><${When} at=${at} never="not begun with" /></td>
        <td>${[code, meaning, why].filter(Boolean).join(" ")}</td>
      </tr>`)}
    <//>
    <${Command} line=${`mogate device campaigns ${device.id}`} />`}<//>`;
}

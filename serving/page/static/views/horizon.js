/* The switch between horizons. */

import { element } from "../dom.js";

/** Radio buttons for `horizons`; `changed` gets the one that is chosen. */
export function horizonSwitch(horizons, current, changed) {
  const options = horizons.map((horizon) => {
    const input = element("input", {
      type: "radio", name: "horizon", value: String(horizon), id: `horizon-${horizon}`,
      onchange: () => changed(horizon),
    });
    input.checked = horizon === current;
    return [input, element("label", { for: `horizon-${horizon}` }, String(horizon))];
  });
  return element("fieldset", { class: "segmented" }, element("legend", {}, "Sessions ahead"), ...options.flat());
}

/** Have the address name `horizon`, without another entry in the browser's history. */
export function rememberHorizon(horizon) {
  const path = location.hash.split("?")[0] || "#/";
  history.replaceState(null, "", `${path}?horizon=${horizon}`);
}

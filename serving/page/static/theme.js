/* Light or dark: as the system says, until the reader chooses. */

const KEY = "theme";
const NAMES = { "": "as the system", light: "light", dark: "dark" };
const NEXT = { "": "light", light: "dark", dark: "" };

/** Have `button` switch between the system's colours, light and dark, remembered in this browser. */
export function startTheme(button) {
  let theme = remembered();
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    button.textContent = { "": "Auto", light: "Light", dark: "Dark" }[theme];
    button.setAttribute("aria-label", `Colours: ${NAMES[theme]}`);
    window.dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    localStorage.setItem(KEY, theme);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("theme")));
  apply();
}

/** The colour that a custom property of the style has now. */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function remembered() {
  const theme = localStorage.getItem(KEY) ?? "";
  return theme in NAMES ? theme : "";
}

// Walks through the console as its users do, signed in at a real identity provider: every page's main use, by hand and
// by keys, with and without scripts; and asks axe of every page, in both themes, whether everybody can use it.
//
//   node console.mjs IMP ISSUER PICTURES
//
// The browser is CHROMIUM.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { provide } from "./provider.mjs";

const [imp, issuer, pictures] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
/** Nothing on the way takes longer, unless something is broken. */
const PATIENCE_MS = 30_000;
/** What a page may weigh, with everything it loads, compressed as it comes over the wire. */
const WEIGHT_MAX = 150 * 1024;

mkdirSync(pictures, { recursive: true });
const provider = await provide(issuer, imp);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"],
});
const troubles = [];
async function newContext(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "UTC", locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  context.on("weberror", (e) => troubles.push(`${e.error().message}`));
  context.on("response", (r) => r.status() >= 500 && troubles.push(`${r.status()} ${r.url()}`));
  context.on("console", (m) => /Content Security Policy/.test(m.text()) && troubles.push(m.text()));
  return context;
}

/** Through the provider's own pages, as its users go. */
async function signIn(context, who, to = "/") {
  const page = await context.newPage();
  await page.goto(`${imp}${to}`);
  await page.getByRole("link", { name: /^Sign in with/ }).click();
  await page.locator("[name=login]").fill(who);
  await page.locator("[name=password]").fill("anything");
  await page.locator("button[type=submit]").click();
  await page.getByRole("button", { name: /continue/i }).click();
  await page.waitForURL(`${imp}${to}`);
  return page;
}

const context = await newContext();
let page;
let reference;
let card;

const steps = {
  async "whoever is not signed in is led to the provider, and back to where they wanted to go"() {
    page = await signIn(context, "ada", "/incidents?status=resolved");
    await page.getByText("Signed in as ada.lima@meridian.example, admin.").waitFor();
    const cookies = await context.cookies(imp);
    const session = cookies.find((c) => c.name === "imp_session");
    assert.ok(session.httpOnly && session.sameSite === "Lax");
  },

  async "an address that nobody verified is told so"() {
    const other = await newContext();
    const eve = await other.newPage();
    await eve.goto(`${imp}/`);
    await eve.getByRole("link", { name: /^Sign in with/ }).click();
    await eve.locator("[name=login]").fill("eve");
    await eve.locator("[name=password]").fill("anything");
    await eve.locator("button[type=submit]").click();
    await eve.getByRole("button", { name: /continue/i }).click();
    await eve.getByText("has not verified your e-mail address").waitFor();
    await other.close();
  },

  async "an incident is declared without any script"() {
    const plain = await newContext({ javaScriptEnabled: false, storageState: await context.storageState() });
    const form = await plain.newPage();
    await form.goto(`${imp}/declare`);
    await form.getByLabel("What is wrong?").fill("Card payments <b>fail</b>");
    await form.getByLabel("Which service?").fill("payments-api");
    await form.getByRole("button", { name: "Declare", exact: true }).click();
    await form.getByRole("heading", { name: "Card payments <b>fail</b>" }).waitFor();
    reference = new URL(form.url()).pathname.split("/").pop();
    card = `${imp}/incidents/${reference}`;
    await form.goto(`${imp}/incidents?q=card`);
    await form.getByText("Card payments <b>fail</b>").waitFor();
    await plain.close();
  },

  async "everything that Slack offers is done on the incident's page"() {
    await page.goto(card);
    await page.getByLabel("What is new?").fill("One in ten payments fails.");
    await page.getByRole("button", { name: "Post the update" }).click();
    await page.locator(".timeline").getByText("One in ten payments fails.").waitFor();
    await open("Give a role", async (f) => {
      await f.getByLabel("Role").selectOption("commander");
      await f.getByLabel("Who").fill("ada.lima@meridian.example");
      await f.getByRole("button", { name: "Give the role" }).click();
    });
    await page.getByText("Ada Lima is Commander now").waitFor();
    await open("Add a task", async (f) => {
      await f.getByLabel("What is to be done?").fill("Roll back");
      await f.getByRole("button", { name: "Add the task" }).click();
    });
    await page.getByRole("button", { name: "Done: Roll back" }).click();
    await page.getByText("finished task 1").waitFor();
    await open("Severity", async (f) => {
      await f.getByRole("radio", { name: /^SEV1/ }).check();
      await f.getByRole("button", { name: "Change the severity" }).click();
    });
    await page.getByText(/changed the severity from .* to SEV1/).waitFor();
    await page.getByText("Cause identified", { exact: true }).first().click();
    await page.locator("details[open] textarea, details[open] input:not([type=hidden])").first().fill("The deploy of 14:02.");
    await page.locator("details[open]").getByRole("button", { name: "Cause identified" }).click();
    await page.locator("[aria-current=step]").getByText("Identified").waitFor();
    await page.screenshot({ path: join(pictures, "console-incident.png"), fullPage: true });
  },

  async "a time is corrected in the zone of whoever corrects it"() {
    const tokyo = await newContext({ timezoneId: "Asia/Tokyo", storageState: await context.storageState() });
    const there = await tokyo.newPage();
    await there.goto(card);
    await there.getByText("Correct a time", { exact: true }).click();
    const form = there.locator("form[action$='/time']");
    const known = form.locator("option[data-at]").first();
    const stood = new Date(await known.getAttribute("data-at"));
    const tokyos = (at) => new Date(at.getTime() + 9 * 3_600_000).toISOString();
    assert.ok((await known.textContent()).includes(tokyos(stood).slice(11, 16)), await known.textContent());
    await form.locator("select").selectOption(await known.getAttribute("value"));
    const at = new Date(stood.getTime() - 5 * 60_000);
    await form.getByLabel(/When was it\? \(in your time zone\)/).fill(tokyos(at).slice(0, 16));
    await form.getByLabel("Why was it wrong?").fill("The graph shows it.");
    await form.getByRole("button", { name: "Correct it" }).click();
    await there.getByText("Corrected", { exact: true }).waitFor();
    await there.getByText("Correct a time", { exact: true }).click();
    const now = await form.locator(`option[value="${await known.getAttribute("value")}"]`).getAttribute("data-at");
    assert.equal(now.slice(0, 16), at.toISOString().slice(0, 16));
    await tokyo.close();
  },

  async "the public is told on a page of its own, with the page's components"() {
    await page.goto(card);
    await page.getByRole("link", { name: "Status page", exact: true }).click();
    await page.getByRole("heading", { name: "Tell the public" }).waitFor();
    assert.ok((await page.getByRole("group", { name: "Affected components" }).getByRole("checkbox").count()) > 0, "no components");
    await page.getByRole("checkbox").first().check();
    await page.getByLabel("What users should know").fill("Some payments fail; we repair it.");
    await page.screenshot({ path: join(pictures, "console-public-form.png"), fullPage: true });
    await page.getByRole("button", { name: "Publish" }).click();
    await page.waitForURL(card);
    await page.getByText("Some payments fail; we repair it.").first().waitFor();
  },

  async "a filter is saved, shared by its link, renamed and deleted, without any script"() {
    const plain = await newContext({ javaScriptEnabled: false, storageState: await context.storageState() });
    const list = await plain.newPage();
    await list.goto(`${imp}/incidents?severity=SEV1`);
    await list.getByText("Save this view").click();
    await list.getByLabel("What do you call it?").fill("The gravest");
    await list.getByRole("button", { name: "Save", exact: true }).click();
    await list.getByRole("link", { name: "The gravest" }).waitFor();
    await list.getByText("Rename, share or delete").click();
    await list.screenshot({ path: join(pictures, "console-views.png") });
    const link = await list.getByLabel("Link for others").inputValue();
    await list.getByLabel("Name", { exact: true }).fill("Gravest");
    await list.getByRole("button", { name: "Rename" }).click();
    await list.goto(link);
    await list.waitForURL(`${imp}/incidents?severity=SEV1`);
    await list.locator(".views [aria-current]").getByText("Gravest", { exact: true }).waitFor();
    await list.getByText("Rename, share or delete").click();
    await list.getByRole("button", { name: "Delete this view" }).click();
    await list.waitForURL(`${imp}/incidents`);
    assert.equal(await list.getByRole("link", { name: "Gravest" }).count(), 0);
    await list.goto(`${imp}/insights?severity=SEV1&days=30`);
    await list.getByText("Save this view").click();
    await list.getByLabel("What do you call it?").fill("A month of the gravest");
    await list.getByRole("button", { name: "Save", exact: true }).click();
    await list.getByRole("link", { name: "A month of the gravest" }).waitFor();
    await plain.close();
  },

  async "two tabs that save the same thing do not overwrite each other"() {
    const other = await context.newPage();
    await other.goto(card);
    // What is being written stays, though news comes.
    await other.getByText("Edit", { exact: true }).click();
    await other.getByLabel("Title").last().fill("My own title");
    await page.goto(card);
    await open("Edit", async (f) => {
      await f.getByLabel("Title").fill("Card payments fail");
      await f.getByRole("button", { name: "Save" }).click();
    });
    await page.getByRole("heading", { name: "Card payments fail", exact: true }).waitFor();
    await other.getByRole("button", { name: "Save" }).click();
    await other.getByText("has changed since you looked").waitFor();
    assert.equal(await other.locator("form[action$='/edit'] [name=title]").inputValue(), "My own title");
    await other.close();
  },

  async "an open page changes by itself, also after the connection broke"() {
    const watching = await context.newPage();
    await watching.goto(card);
    await page.goto(card);
    await page.getByLabel("What is new?").fill("Seen without reloading.");
    await page.getByRole("button", { name: "Post the update" }).click();
    await watching.locator(".timeline").getByText("Seen without reloading.").waitFor();
    await watching.close();
  },

  async "one searches as one types, and the address keeps it"() {
    await page.goto(`${imp}/incidents`);
    await page.getByLabel("Search").fill("card pay");
    await page.locator("[data-results]").getByText("Card payments fail").waitFor();
    await page.waitForURL(/q=card(\+|%20)pay/);
    await page.getByLabel("Search").fill("nothing is called this");
    await page.getByText("No incident matches.").waitFor();
    await page.goto(`${imp}/incidents?status=nonsense`);
    await page.getByText('There is no status "nonsense"').waitFor();
  },

  async "keys go everywhere, and ? lists them"() {
    await page.goto(`${imp}/`);
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("s");
    await page.waitForURL(`${imp}/services`);
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/services\/./);
    await page.goto(`${imp}/`);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await page.keyboard.press("c");
    await page.waitForURL(`${imp}/declare`);
  },

  async "whoever looks at a service follows it, and then no longer"() {
    const all = await (await page.request.get(`${imp}/api/v1/services`)).json();
    await page.goto(`${imp}/services/${all.items[0].alias}`);
    await page.getByRole("button", { name: "Follow", exact: true }).click();
    await page.getByText("1 person", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Follow no longer" }).click();
    await page.getByRole("button", { name: "Follow", exact: true }).waitFor();
  },

  async "the audit log tells of all of it, and settings show what works"() {
    await page.goto(`${imp}/audit?about=${reference}`);
    await page.getByText("severity: SEV3 → SEV1").or(page.getByText("→ SEV1")).first().waitFor();
    await page.goto(`${imp}/settings`);
    await page.getByRole("link", { name: "Ask the vendors" }).click();
    await page.getByText("the bot's token").waitFor();
    assert.ok(!(await page.content()).includes("the-clients-secret"));
  },

  async "who only watches may not act"() {
    const other = await newContext();
    const rui = await signIn(other, "rui");
    await rui.goto(card);
    assert.equal(await rui.getByText("Post the update").count(), 0);
    const answer = await rui.request.post(`${card}/update`, { form: { text: "no" }, headers: { origin: imp } });
    assert.equal(answer.status(), 403);
    await rui.goto(`${imp}/audit`);
    await rui.getByText("Looking at the audit log needs the role manager").waitFor();
    await other.close();
  },

  async "axe finds nothing on any page, in both themes, at any size; and pages are light"() {
    const services = await page.request.get(`${imp}/api/v1/services`);
    const service = (await services.json()).items[0];
    const paths = ["/", "/incidents", `/incidents/${reference}`, `/incidents/${reference}/public`, "/incidents?severity=SEV1", "/incidents?status=nonsense", "/declare", "/reviews", "/services", `/services/${service.alias}`,
      "/teams", `/teams/${service.team}`, "/process", "/deliveries", "/deliveries?state=done", "/audit", "/practice", "/settings?check=now", "/nowhere", "/insights", "/insights?severity=SEV1&days=30", "/insights/people", "/docs", "/docs/asvs"];
    const found = [];
    for (const colorScheme of ["light", "dark"]) {
      const themed = await newContext({ colorScheme, storageState: await context.storageState(), bypassCSP: true });
      const p = await themed.newPage();
      for (const path of [...paths, "/sign-in"]) {
        const answer = await p.goto(imp + path, { waitUntil: "load" });
        if (path === "/insights" && answer.status() === 404) continue;
        await p.addScriptTag({ path: axe });
        const { violations } = await p.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
        for (const v of violations) found.push(`${colorScheme} ${path}: ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(", ")}`);
        const weight = await p.evaluate(() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).reduce((sum, r) => sum + (r.transferSize || 0), 0));
        if (weight > WEIGHT_MAX) found.push(`${path} weighs ${weight} bytes`);
        const name = path.replace(/[^a-z]+/gi, "-").replace(/^-|-$/g, "") || "now";
        await p.screenshot({ path: join(pictures, `console-${name}-${colorScheme}.png`) });
      }
      await p.setViewportSize({ width: 390, height: 844 });
      for (const path of paths) {
        await p.goto(imp + path);
        const wide = await p.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (wide > 0) found.push(`${path} is ${wide} pixels wider than a phone`);
        if (colorScheme === "light") await p.screenshot({ path: join(pictures, `console-phone-${path.replace(/[^a-z]+/gi, "-").replace(/^-|-$/g, "") || "now"}.png`) });
      }
      await p.setViewportSize({ width: 2560, height: 1440 });
      await p.goto(`${imp}/`);
      await p.screenshot({ path: join(pictures, `console-wall-${colorScheme}.png`) });
      await themed.close();
    }
    assert.deepEqual([...new Set(found)], []);
  },

  async "signing out ends the session"() {
    await page.goto(`${imp}/`);
    const state = await context.storageState();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    const thief = await newContext({ storageState: state });
    const stolen = await thief.newPage();
    await stolen.goto(`${imp}/`);
    await stolen.getByRole("heading", { name: "Sign in" }).waitFor();
    await thief.close();
  },
};

/** Opens one of the forms under "More" and fills it in. */
async function open(name, fill) {
  const details = page.locator("details").filter({ has: page.locator("summary", { hasText: name }) }).first();
  await details.locator("summary").click();
  await fill(details);
}

for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`well: ${name}`);
  } catch (why) {
    if (page) await page.screenshot({ path: join(pictures, "console-trouble.png") }).catch(() => {});
    console.error(`not well: ${name}\n${why.stack}`);
    process.exitCode = 1;
    break;
  }
}
await browser.close();
provider.close();
provider.closeAllConnections?.();
if (troubles.length) {
  console.error(`the pages had troubles:\n${troubles.join("\n")}`);
  process.exitCode = 1;
}

// Walks through the running demo as its users do, in a real browser, and takes a picture of each page on the way.
//
//   node demo.mjs IMP PRACTICE PICTURES
//
// IMP and PRACTICE are the addresses of the demo, PICTURES is a folder; those of the guides go into its folder `guides`. The
// browser is CHROMIUM.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [imp, practice, pictures] = process.argv.slice(2);
/** Nothing on the way takes longer, unless something is broken. */
const PATIENCE_MS = 45_000;

mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "UTC", locale: "en-GB" });
context.setDefaultTimeout(PATIENCE_MS);

/** What went wrong in any page, though nobody saw it. */
const troubles = [];
context.on("weberror", (e) => troubles.push(`${e.error().message}`));
context.on("response", (r) => r.status() >= 500 && troubles.push(`${r.status()} ${r.url()}`));

let count = 0;
const picture = (page, name) => page.screenshot({ path: join(pictures, `${String(++count).padStart(2, "0")}-${name}.png`) });
/** A picture that a guide shows. */
const shown = (page, name) => page.screenshot({ path: join(pictures, "guides", `${name}.png`) });
const open = async (url) => {
  const page = await context.newPage();
  const answer = await page.goto(url);
  assert.equal(answer.status(), 200, url);
  return page;
};

const steps = {
  async "the control panel raises an alert"() {
    const panel = await open(`${practice}/`);
    await panel.getByRole("button", { name: "Raise", exact: true }).click();
    await panel.getByText("Sent.").waitFor();
    await picture(panel, "panel");
  },

  async "whoever is on call is asked in Slack, and says that it is real"() {
    tiago = await open(`${practice}/slack/?as=tiago.fernandes`);
    await tiago.locator("#sidebar").getByText("IMP", { exact: true }).first().click();
    await tiago.getByRole("button", { name: "It's real" }).waitFor();
    await picture(tiago, "question");
    await shown(tiago, "question");
    await tiago.getByRole("button", { name: "It's real" }).click();
    await tiago.getByText("It is real.").waitFor();
  },

  async "the channel opens with the card"() {
    await tiago.locator("#sidebar").getByText(/^inc-/).first().click();
    await button("Take command").waitFor();
    await picture(tiago, "card");
    await showing("What to do now");
    await shown(tiago, "card");
  },

  async "somebody takes command, gives work, tells the others"() {
    await button("Take command").click();
    await fill("incident.role", {});
    await button("Add a task").first().click();
    await fill("incident.task", { text: "Roll back the deploy" });
    await button("Write an update").first().click();
    await fill("incident.update", { text: "Card payments fail; we roll back." });
    await tiago.locator("#main").getByText("Card payments fail; we roll back.").first().waitFor();
  },

  async "the public is told"() {
    await button("Cause identified").last().click();
    await fill("incident.transition", { cause: "The deploy of 14:02." });
    await button("Status page").first().click();
    await tiago.locator("[data-modal]").waitFor();
    await picture(tiago, "form");
    await fill("incident.statuspage", { title: "Card payments fail", message: "We know why and repair it." });
    const page = await open(`${practice}/statuspage/`);
    await page.getByText("We know why and repair it.").first().waitFor();
    await picture(page, "status-page");
    await shown(page, "status-page");
    await page.close();
  },

  async "it is repaired, resolved, reviewed and closed"() {
    await button("Repaired, monitor it").last().click();
    await button("Resolve").last().click();
    await fill("incident.transition", { resolution: "A bad deploy; rolled back." });
    await button("Start the review").last().click();
    await button("Write the review").last().click();
    await tiago.locator("[data-modal]").waitFor();
    await picture(tiago, "review");
    await shown(tiago, "review");
    await fill("incident.review", { follow_up: "Add a canary", due: "2026-12-24" });
    await button("Close").last().click();
    await fill("incident.transition", { learned: "Deploy slowly." });
    await showing("will be archived");
    await picture(tiago, "closed");
  },

  async "Jira has followed"() {
    const jira = await open(`${practice}/jira/`);
    await picture(jira, "jira");
    await jira.getByText("INC-", { exact: false }).first().waitFor();
    const key = (await jira.content()).match(/INC-\d+/)[0];
    const issue = await open(`${practice}/jira/browse/${key}`);
    await picture(issue, "jira-issue");
    await jira.close();
    await issue.close();
  },

  async "the console tells it all"() {
    const page = await open(`${imp}/`);
    await picture(page, "console");
    await page.goto(`${imp}/insights`);
    await page.locator("svg").first().waitFor();
    await shown(page, "insights");
    await page.goto(`${imp}/incidents`);
    await picture(page, "console-incidents");
    await page.goto(`${imp}/incidents/IMP-100`);
    await page.getByText("Deploy slowly.").first().waitFor();
    await page.screenshot({ path: join(pictures, "console-incident.png"), fullPage: true });
    await shown(page, "incident");
    await page.goto(`${imp}/deliveries`);
    await picture(page, "console-deliveries");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${imp}/incidents/IMP-100`);
    await picture(page, "console-phone");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `the page is ${wide} pixels wider than a phone`);
  },

  async "all of Slack's window fits a phone"() {
    await tiago.setViewportSize({ width: 390, height: 844 });
    await picture(tiago, "slack-phone");
  },
};

let tiago;
const button = (name) => tiago.locator("#main").getByRole("button", { name, exact: true });

/** Waits for words in the channel and brings them into view. The list is drawn anew with each message, so that the element
 * that was found may be gone; then the one in its place is taken. */
async function showing(words) {
  const found = tiago.locator("#main").getByText(words).last();
  for (let drawn = 0; drawn < 20; drawn++) {
    await found.waitFor();
    const there = await found.evaluate((e) => (e.scrollIntoView({ block: "center" }), e.isConnected)).catch(() => false);
    if (there) return;
  }
  throw new Error(`${words} does not stay in view`);
}

/** Fills in the form on top and sends it; it closes when it was accepted. */
async function fill(callback, answers) {
  const form = tiago.locator(`[data-modal][data-callback-id="${callback}"]`);
  await form.waitFor();
  for (const [name, value] of Object.entries(answers)) await form.locator(`[name="${name}"]`).fill(value);
  await form.locator("[data-submit]").click();
  await form.waitFor({ state: "detached" });
}

for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`well: ${name}`);
  } catch (why) {
    if (tiago) await picture(tiago, "trouble").catch(() => {});
    console.error(`not well: ${name}\n${why.stack}`);
    process.exitCode = 1;
    break;
  }
}
await browser.close();
if (troubles.length) {
  console.error(`the pages had troubles:\n${troubles.join("\n")}`);
  process.exitCode = 1;
}

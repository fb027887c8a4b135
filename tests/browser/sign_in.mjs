// Plays identity providers that lie, err, rest or change their keys, and says what IMP made of it.
//
//   node sign_in.mjs IMP ISSUER
//
// IMP's configuration names ISSUER, which this program is.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { SignJWT, exportJWK, generateKeyPair } from "jose";

const [imp, issuer] = process.argv.slice(2);
const NOW = () => Math.floor(Date.now() / 1000);

let keys = [];
const newKey = async (kid, alg = "RS256") => {
  const pair = await generateKeyPair(alg);
  return { ...pair, kid, alg, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: "sig" } };
};
keys.push(await newKey("first"));
let signer = keys[0];
let asleep = false;
let slow = false;
/** What the next ID token says, after what an honest one would. */
let twist = (claims) => claims;
let sign = async (claims) => new SignJWT(claims).setProtectedHeader({ alg: signer.alg, kid: signer.kid }).sign(signer.privateKey);
let challenge;

const server = createServer(async (request, response) => {
  const json = (value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  // A provider that is slow never comes to an end here.
  if (slow) return;
  if (asleep) return json({ error: "asleep" }, 503);
  switch (new URL(request.url, issuer).pathname) {
    case "/.well-known/openid-configuration":
      return json({ issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks` });
    case "/jwks":
      return json({ keys: keys.map((k) => k.jwk) });
    case "/token": {
      let body = "";
      for await (const part of request) body += part;
      const form = new URLSearchParams(body);
      const right = createHash("sha256").update(form.get("code_verifier")).digest("base64url") === challenge;
      const known = request.headers.authorization === `Basic ${Buffer.from("imp:the-clients-secret").toString("base64")}`;
      if (!right || !known) return json({ error: right ? "invalid_client" : "invalid_grant" }, 400);
      const honest = {
        iss: issuer, aud: "imp", sub: "1", nonce: form.get("code"), iat: NOW(), exp: NOW() + 300,
        email: "ada.lima@meridian.example", email_verified: true, name: "Ada Lima", groups: ["platform"],
      };
      return json({ access_token: "a", token_type: "Bearer", id_token: await sign(twist(honest)) });
    }
    default:
      return json({}, 404);
  }
});
server.listen(Number(new URL(issuer).port), "127.0.0.1");
await new Promise((done) => server.once("listening", done));

const cookiesOf = (answer) => answer.headers.getSetCookie().map((c) => c.split(";")[0]);

/** Signs in as a browser would; what the last answer was. `bend` changes the way back. */
async function signIn(to = "/", bend = (url) => url) {
  const began = await fetch(`${imp}/sign-in/start?to=${encodeURIComponent(to)}`, { redirect: "manual" });
  if (began.status !== 303) return { status: began.status, text: await began.text(), cookies: [] };
  const away = new URL(began.headers.get("location"));
  assert.equal(away.searchParams.get("code_challenge_method"), "S256");
  assert.equal(away.searchParams.get("response_type"), "code");
  challenge = away.searchParams.get("code_challenge");
  const cookies = cookiesOf(began);
  const back = new URL(away.searchParams.get("redirect_uri"));
  // The code tells the provider which nonce it is to sign.
  back.searchParams.set("code", away.searchParams.get("nonce"));
  back.searchParams.set("state", away.searchParams.get("state"));
  const bent = bend(back, cookies);
  const answer = await fetch(bent, { redirect: "manual", headers: { cookie: cookies.join("; ") } });
  return { status: answer.status, text: await answer.text(), location: answer.headers.get("location"), cookies: cookiesOf(answer), raw: answer.headers.getSetCookie() };
}

const page = (path, cookie, init = {}) => fetch(`${imp}${path}`, { redirect: "manual", ...init, headers: { cookie, ...init.headers } });

async function refused(what, words) {
  const a = await signIn();
  assert.notEqual(a.status, 303, `${what}: was let in`);
  assert.ok(a.status < 500 || a.status === 502 || a.status === 503, `${what}: ${a.status}`);
  assert.match(a.text, words, `${what}: ${a.text}`);
  assert.ok(!a.cookies.some((c) => /^imp_session=./.test(c)), `${what}: a session`);
}

// ---- honest
const ada = await signIn("/reviews");
assert.equal(ada.status, 303, ada.text);
assert.equal(ada.location, "/reviews");
const cookie = ada.cookies.find((c) => c.startsWith("imp_session="));
assert.match(ada.raw.find((c) => c.startsWith("imp_session=")), /HttpOnly; SameSite=Lax/);
assert.match(await (await page("/", cookie)).text(), /Signed in as ada\.lima@meridian\.example, admin/);
const another = (await signIn()).cookies.find((c) => c.startsWith("imp_session="));
assert.notEqual(another, cookie, "every sign-in has a secret of its own");
for (const to of ["https://evil.example/", "//evil.example/", "/\\evil.example"]) assert.equal((await signIn(to)).location, "/", to);
console.log("well: an honest provider, and no way to another site");

// ---- lies
const claim = (name, value) => { twist = (c) => ({ ...c, [name]: value }); };
claim("aud", "another"); await refused("another audience", /audience/);
claim("iss", "https://evil.example"); await refused("another issuer", /another identity provider/);
claim("nonce", "another"); await refused("another nonce", /another sign-in/);
claim("email_verified", false); await refused("an address nobody verified", /not verified/);
claim("email", undefined); await refused("no address", /e-mail address/);
twist = (c) => ({ ...c, iat: NOW() + 300, exp: NOW() + 600 }); await refused("a clock five minutes fast", /5 minutes apart/);
twist = (c) => ({ ...c, iat: NOW() - 600, exp: NOW() - 300 }); await refused("a clock five minutes slow", /5 minutes apart/);
twist = (c) => c;
const honestly = sign;
sign = async (c) => new SignJWT(c).setProtectedHeader({ alg: "HS256", kid: "first" }).sign(new TextEncoder().encode("the-clients-secret-the-clients-secret"));
await refused("a shared secret for a signature", /not signed/);
sign = async (c) => `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(JSON.stringify(c)).toString("base64url")}.`;
await refused("no signature", /not signed/);
const strange = await newKey("first");
sign = async (c) => new SignJWT(c).setProtectedHeader({ alg: "RS256", kid: "first" }).sign(strange.privateKey);
await refused("somebody else's signature", /not signed/);
sign = honestly;
console.log("well: no lie is believed");

// ---- keys change
signer = await newKey("second", "ES256");
keys = [signer];
// IMP asks for keys at most every two seconds.
const until = Date.now() + 20_000;
while ((await signIn()).status !== 303) assert.ok(Date.now() < until, "a new key is never learnt");
console.log("well: new keys are learnt");

// ---- the way back
const wrongState = await signIn("/", (u) => { u.searchParams.set("state", "guessed"); return u; });
assert.equal(wrongState.status, 403);
const otherBrowser = await signIn("/", (u, cookies) => { cookies.length = 0; return u; });
assert.equal(otherBrowser.status, 403);
const denied = await signIn("/", (u) => { u.searchParams.set("error", "access_denied"); u.searchParams.set("error_description", "<b>No</b>"); return u; });
assert.equal(denied.status, 403);
assert.ok(denied.text.includes("&#60;b&#62;No") && !denied.text.includes("<b>No"), denied.text);
console.log("well: the way back belongs to the way there");

// ---- sessions end
const cross = await page("/declare", cookie, { method: "POST", headers: { origin: "https://evil.example", "content-type": "application/x-www-form-urlencoded" }, body: "title=x" });
assert.equal(cross.status, 403, "another site's form");
assert.equal((await page("/sign-out", cookie, { method: "POST", headers: { origin: imp } })).status, 303);
assert.match((await page("/", cookie)).headers.get("location"), /^\/sign-in/, "a stolen cookie after the sign-out");
assert.equal((await page("/", another)).status, 200, "the other session goes on");
console.log("well: what is ended is ended");

// ---- an address is somebody else's one day
const bea = (sub) => { twist = (c) => ({ ...c, sub, email: "bea.reis@meridian.example", name: "Bea Reis" }); };
bea("7");
const first = (await signIn()).cookies.find((c) => c.startsWith("imp_session="));
assert.ok(first, "whoever comes first with an address has it");
bea("8");
await refused("another account with the same address", /belonged to another account/);
const letGo = (cookie, email) => page("/sign-in/let-go", cookie, { method: "POST", headers: { origin: imp, "content-type": "application/x-www-form-urlencoded" }, body: new URLSearchParams({ email }) });
assert.equal((await letGo(another, "nobody@meridian.example")).status, 404);
assert.equal((await letGo(another, " Bea.Reis@meridian.example")).status, 303);
assert.match((await page("/", first)).headers.get("location"), /^\/sign-in/, "who was in by it is out");
assert.equal((await signIn()).status, 303, "and the next has it");
bea("7");
await refused("the former owner of the address", /belonged to another account/);
twist = (c) => c;
console.log("well: an address is one account's, until an administrator lets go of it");

// ---- the provider is down: who is in stays in, who is not is told
asleep = true;
const tired = await signIn();
if (tired.status === 303) throw new Error("signed in at a provider that sleeps");
assert.equal(tired.status, 503, tired.text);
assert.match(tired.text, /does not work at the moment/);
assert.equal((await page("/", another)).status, 200);
console.log("well: a provider that is down is said to be");

// ---- the provider is slow: nobody waits for ever, and everybody else's pages are as quick as before
asleep = false;
slow = true;
const began = Date.now();
const waiting = signIn();
assert.equal((await page("/", another)).status, 200);
assert.ok(Date.now() - began < 3000, "others wait for somebody's provider");
const waited = await waiting;
assert.equal(waited.status, 503, waited.text);
assert.ok(Date.now() - began < 15_000, `waited ${Date.now() - began} ms`);
slow = false;
assert.equal((await signIn()).status, 303, "once it is quick again");
console.log("well: a provider that is slow holds nobody for long");
server.closeAllConnections();
server.close();

// An identity provider as an organisation would run one: the certified `oidc-provider`, with three people.
import Provider from "oidc-provider";

/** Starts it; `client` is IMP's address. */
export async function provide(issuer, client) {
  const people = {
    ada: { email: "ada.lima@meridian.example", email_verified: true, name: "Ada Lima", groups: ["platform"] },
    rui: { email: "rui@meridian.example", email_verified: true, name: "Rui", groups: ["watchers"] },
    eve: { email: "eve@meridian.example", email_verified: false, name: "Eve", groups: ["platform"] },
  };
  const provider = new Provider(issuer, {
    clients: [{ client_id: "imp", client_secret: "the-clients-secret", redirect_uris: [`${client}/sign-in/callback`] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    pkce: { required: () => true },
    cookies: { keys: ["a key of the tests"] },
  });
  // It warns that it is only for development: so it is.
  const warn = console.warn;
  console.warn = () => {};
  const server = provider.listen(Number(new URL(issuer).port), "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  console.warn = warn;
  return server;
}

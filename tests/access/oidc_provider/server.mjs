// A certified provider of OpenID Connect on loopback. It prints its address once it listens.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , modules, back, secret] = process.argv;
const { default: Provider } = await import(
  pathToFileURL(createRequire(`${modules}/`).resolve("oidc-provider")).href
);

const people = {
  vera: { name: "Vera Validator", preferred_username: "vera", email: "vera@bank.example", groups: ["validators"] },
};

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "countersign",
        client_secret: secret,
        redirect_uris: [back],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email"], groups: ["groups"] },
    scopes: ["openid", "profile", "email", "groups"],
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: { keys: ["only for tests"] },
    async findAccount(_, id) {
      return people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) };
    },
  });
  server.on("request", provider.callback());
  process.stdout.write(`${issuer}\n`);
});

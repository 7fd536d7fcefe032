// A certified OpenID provider on a free port of localhost, for tests: argv is a JSON object with the TLS files, the client,
// and who there is. It prints its issuer when it listens. SIGHUP makes it sign with another key from then on.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider from "oidc-provider";

const { certificate, key, client, people } = JSON.parse(process.argv[2]);
let answer = null;
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (...given) => answer(...given));

function begin(issuer, kid) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const provider = new Provider(issuer, {
    clients: [{ ...client, id_token_signed_response_alg: "ES256" }],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" }] },
    cookies: { keys: [kid] },
    claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email", "email_verified"], groups: ["groups"] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, preferred_username: id, ...people[id] }) },
  });
  answer = provider.callback();
}

server.listen(0, "127.0.0.1", () => {
  const issuer = `https://localhost:${server.address().port}`;
  let kids = 0;
  const renew = () => begin(issuer, `key-${(kids += 1)}`);
  renew();
  process.on("SIGHUP", () => {
    renew();
    console.log("renewed");
  });
  console.log(`issuer ${issuer}`);
});

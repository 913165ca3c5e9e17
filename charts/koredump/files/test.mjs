// helm test: koreapi answers through its Service, rejects a request without a token, and accepts one with a token.
import { readFileSync } from "node:fs"
import http from "node:http"
import https from "node:https"

// Environment variables that Kubernetes sets for the Service. They work without DNS.
const { KOREAPI_SERVICE_HOST: host, KOREAPI_SERVICE_PORT: port, SERVER_NAME: servername } = process.env
const tls = servername !== undefined

const get = (path, headers = {}) =>
  new Promise((resolve, reject) => {
    const request = tls
      ? https.get({ host, port, path, headers, servername, ca: readFileSync("/ca/ca.crt") })
      : http.get({ host, port, path, headers })
    request.setTimeout(10_000, () => request.destroy(new Error("no response within 10 s")))
    request.on("error", reject)
    request.on("response", async (response) => {
      let body = ""
      for await (const chunk of response.setEncoding("utf8")) body += chunk
      resolve({ status: response.statusCode, headers: response.headers, body })
    })
  })

const expectStatus = (what, { status, body }, expected) => {
  if (status !== expected) throw new Error(`${what}: expected status ${expected}, got ${status}: ${body}`)
  process.stdout.write(`${what}: status ${status}, as expected\n`)
}

expectStatus("health", await get("/health"), 200)
expectStatus("list without a token", await get("/apiv1/cores"), 401)
const authorization = `Bearer ${readFileSync("/token/token", "utf8")}`
const list = await get("/apiv1/cores", { authorization })
expectStatus("list with a token", list, 200)
process.stdout.write(`core dumps visible to the test: ${JSON.parse(list.body).length}\n`)
const unreachable = list.headers["koredump-unreachable"]
if (unreachable !== undefined) process.stdout.write(`unreachable nodes: ${unreachable}\n`)

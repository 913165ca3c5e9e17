// helm test: koreapi answers through its Service, refuses who has no token, and lists for who has one.
import { readFileSync } from "node:fs"
import http from "node:http"
import https from "node:https"

// Where Kubernetes says that the Service is: works without DNS.
const { KOREAPI_SERVICE_HOST: host, KOREAPI_SERVICE_PORT: port, SERVER_NAME: servername } = process.env
const tls = servername !== undefined

const get = (path, headers = {}) =>
  new Promise((resolve, reject) => {
    const request = tls
      ? https.get({ host, port, path, headers, servername, ca: readFileSync("/ca/ca.crt") })
      : http.get({ host, port, path, headers })
    request.setTimeout(10_000, () => request.destroy(new Error("no answer within 10 s")))
    request.on("error", reject)
    request.on("response", async (response) => {
      let body = ""
      for await (const chunk of response.setEncoding("utf8")) body += chunk
      resolve({ status: response.statusCode, headers: response.headers, body })
    })
  })

const expect = (what, { status, body }, wanted) => {
  if (status !== wanted) throw new Error(`${what}: ${status} instead of ${wanted}: ${body}`)
  process.stdout.write(`${what}: ${status}, as it should be\n`)
}

expect("health", await get("/health"), 200)
expect("a list without a token", await get("/apiv1/cores"), 401)
const authorization = `Bearer ${readFileSync("/token/token", "utf8")}`
const list = await get("/apiv1/cores", { authorization })
expect("a list with a token", list, 200)
process.stdout.write(`cores that the test may see: ${JSON.parse(list.body).length}\n`)
const unreachable = list.headers["koredump-unreachable"]
if (unreachable !== undefined) process.stdout.write(`nodes that cannot be reached: ${unreachable}\n`)

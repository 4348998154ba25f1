-- Asks the sidecar about a request: 200 lets it through, anything else is the answer for the client.
local sidecar = os.getenv("DIMMER_SIDECAR") or "http://127.0.0.1:7301"
local TIMEOUT_MS = 1000

local function refuse(txn, status, title)
  local reply = txn:reply({ status = status })
  reply:add_header("content-type", "application/problem+json")
  if status == 503 then reply:add_header("retry-after", "5") end
  reply:set_body(string.format('{"type":"urn:dimmer:problem:gateway","title":"%s","status":%d}', title, status))
  txn:done(reply)
end

core.register_action("dimmer", { "http-req" }, function(txn)
  local tenant = txn:get_var("txn.dimmer_tenant")
  local principal = txn:get_var("txn.dimmer_principal")
  -- As it came on the request line: a path that was rewritten is not what the next hop reads.
  local headers = {
    ["host"] = { "localhost" },
    ["x-forwarded-method"] = { txn.f:method() },
    ["x-forwarded-uri"] = { txn.f:pathq() },
  }
  if tenant then headers["dimmer-tenant"] = { tenant } end
  if principal then headers["dimmer-principal"] = { principal } end
  local languages = txn.http:req_get_headers()["accept-language"]
  -- What the sidecar is to read must be readable, whatever a client writes.
  if languages and #languages[0] <= 200 and languages[0]:match("^[%w*,;=. -]+$") then
    headers["accept-language"] = { languages[0] }
  end

  local answer = core.httpclient():get({ url = sidecar .. "/hook/forward", headers = headers, timeout = TIMEOUT_MS })
  -- HAProxy answers for a server that it cannot reach; only the sidecar names its verdict.
  if answer.headers == nil or answer.headers["dimmer-status"] == nil then
    -- It did answer: it could not read the question. Such a request is never let through.
    if answer.status and answer.status >= 400 and answer.status < 500 then return refuse(txn, 400, "Malformed request") end
    if os.getenv("DIMMER_WHEN_DOWN") ~= "open" then refuse(txn, 503, "Try again in a moment") end
    return
  end
  if answer.status == 200 then
    txn.http:req_set_header("dimmer-tenant", tenant or "")
    txn.http:req_set_header("dimmer-principal", principal or "")
    txn.http:req_set_header("dimmer-mode", answer.headers["dimmer-mode"][0])
    txn.http:req_set_header("dimmer-reason", answer.headers["dimmer-reason"][0])
    return
  end
  local reply = txn:reply({ status = answer.status })
  for name, values in pairs(answer.headers) do
    if name ~= "content-length" and name ~= "connection" and name ~= "keep-alive" and name ~= "transfer-encoding" then
      reply:add_header(name, values[0])
    end
  end
  reply:set_body(answer.body)
  txn:done(reply)
end)

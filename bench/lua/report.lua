-- Joined to each of the other scripts: numbers its threads, and prints what came of a run in one line.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

-- The lines of a file that belong to this thread, one of 32: each of the others has as many.
function own_lines(path)
  local at, own = 0, {}
  for line in io.lines(path) do
    if at % 32 == number then table.insert(own, line) end
    at = at + 1
  end
  if #own == 0 then error("the file has too few lines") end
  return own
end

-- The request with this body as two strings, between which stands what changes; all that change have this length.
function around(placeholder, body)
  local whole = wrk.format("POST", nil, { ["Content-Type"] = "application/json", ["Host"] = wrk.headers["Host"] }, body)
  local first, last = whole:find(placeholder, 1, true)
  return whole:sub(1, first - 1), whole:sub(last + 1)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("result %d %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), latency.max, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

-- The same GET again and again; with a file of access tokens, each thread sends those that are its own in turn.
-- Arguments: [file]

local requests, count = {}, 0

function init(arguments)
  for _, token in ipairs(arguments[1] and own_lines(arguments[1]) or {}) do
    wrk.headers["Authorization"] = "Bearer " .. token
    table.insert(requests, wrk.format())
  end
  if #requests == 0 then requests[1] = wrk.format() end
end

function request()
  count = count % #requests + 1
  return requests[count]
end

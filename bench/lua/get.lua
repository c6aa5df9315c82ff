-- The same GET again and again; with a file of access tokens, each thread sends those that are its own in turn.
-- With a back end's proof as well, it is the back end that asks, about whom each token names. Instead of a token a line may
-- be the header that shows who is signed in. Arguments: [file [proof]]

local requests, count = {}, 0

function init(arguments)
  for _, token in ipairs(arguments[1] and own_lines(arguments[1]) or {}) do
    local name, value = token:match("^(%S+): (.+)$")
    if name then
      wrk.headers[name] = value
    elseif arguments[2] then
      wrk.headers["Authorization"] = "Basic " .. arguments[2]
      wrk.headers["Menjin-Subject-Token"] = token
    else
      wrk.headers["Authorization"] = "Bearer " .. token
    end
    table.insert(requests, wrk.format())
  end
  if #requests == 0 then requests[1] = wrk.format() end
end

function request()
  count = count % #requests + 1
  return requests[count]
end

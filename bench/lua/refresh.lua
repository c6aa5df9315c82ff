-- Each thread trades its refresh tokens in turn, each for the next one, which it reads from the answer.
-- Arguments: file of refresh tokens.

local tokens, head, tail
local at = 0

function init(arguments)
  tokens = own_lines(arguments[1])
  head, tail = around(tokens[1], '{"refresh_token":"' .. tokens[1] .. '"}')
end

function request()
  at = at % #tokens + 1
  return head .. tokens[at] .. tail
end

function response(status, headers, body)
  tokens[at] = body:match('"refresh_token":"([^"]+)"') or tokens[at]
end

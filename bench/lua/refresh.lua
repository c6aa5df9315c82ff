-- Each thread trades its refresh token for the next one, which it reads from the answer.
-- Arguments: file of refresh tokens.

local token, head, tail

function init(arguments)
  token = own_line(arguments[1])
  head, tail = around(token, '{"refresh_token":"' .. token .. '"}')
end

function request()
  return head .. token .. tail
end

function response(status, headers, body)
  token = body:match('"refresh_token":"([^"]+)"') or token
end

-- A login with a code that was never used. A code begins with whose it is: 16 characters; then 16 make it unique.
-- Arguments: run (8 hexadecimal digits, another one each run), people (0: each login is somebody new).

local run, people, head, tail, count, hex

function init(arguments)
  run, people, count, hex = arguments[1], tonumber(arguments[2]), 0, string.format
  local placeholder = string.rep("#", 32)
  local device = people > 0 and ',"device":{"id":"bench-device","class":"phone"}' or ""
  head, tail = around(placeholder, '{"code":"' .. placeholder .. '"' .. device .. "}")
end

function request()
  count = count + 1
  local unique = hex("%02x%06x", number, count)
  local person = people > 0 and hex("known%011x", (count * 32 + number) * 7919 % people) or run .. unique
  return head .. person .. run .. unique .. tail
end

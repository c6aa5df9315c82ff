-- A login with a code that was never used. A code begins with whose it is: 16 characters; then 16 make it unique.
-- Arguments: run (8 hexadecimal digits, another one each run), who: 0 (each login is somebody new), how many people come
-- back, or a file of their names; then perhaps what else the body holds: data that was encrypted for people whose names
-- begin with p, who are somebody new each time.

local run, people, names, bring, head, tail, count, hex

function init(arguments)
  run, people, names, count, hex = arguments[1], tonumber(arguments[2]), {}, 0, string.format
  if not people then names = own_lines(arguments[2]) end
  math.randomseed(tonumber(run, 16) * 64 + number)
  local placeholder = string.rep("#", 32)
  bring = arguments[3] or ""
  local device = people ~= 0 and ',"device":{"id":"bench-device","class":"phone"}' or ""
  head, tail = around(placeholder, '{"code":"' .. placeholder .. '"' .. device .. bring .. "}")
end

-- The platform's names are in no order: those of new people fall all over the index.
local function person()
  if bring ~= "" then return hex("p%07x%08x", math.random(0, 0xfffffff), math.random(0, 0xffffffff)) end
  if people == 0 then return hex("%08x%08x", math.random(0, 0xffffffff), math.random(0, 0xffffffff)) end
  if people then return hex("known%011x", (count * 32 + number) * 7919 % people) end
  return names[count % #names + 1]
end

function request()
  count = count + 1
  return head .. person() .. run .. hex("%02x%06x", number, count) .. tail
end

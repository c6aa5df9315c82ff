-- The same GET again and again; with a file of access tokens, each thread sends its own.
-- Arguments: [file]

function init(arguments)
  if arguments[1] then wrk.headers["Authorization"] = "Bearer " .. own_line(arguments[1]) end
end

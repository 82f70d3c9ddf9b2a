-- What steps on data keys share.
-- wrapped is the wrapped form of a data key, in base64; nil where there is none.
local function wrapped(keys, version)
  local record = redis.call('HGET', keys, version)
  return record and cjson.decode(record).wrapped
end

-- newest is the highest version of the data keys.
local function newest(keys)
  local highest = 0
  for _, version in ipairs(redis.call('HKEYS', keys)) do highest = math.max(highest, tonumber(version)) end
  return highest
end

-- set_progress keeps how far a re-encryption has come, as it begins at ARGV[i].
local function set_progress(key, i)
  redis.call('HSET', key, 'state', ARGV[i], 'version', ARGV[i + 1], 'done', ARGV[i + 2], 'total', ARGV[i + 3],
    'started_at', ARGV[i + 4])
end

-- fits tells whether the addition of a data key that begins at ARGV[i] follows
-- what there is.
local function fits(keys, i)
  return tonumber(ARGV[i + 2]) > newest(keys) and wrapped(keys, '0') == ARGV[i]
end

-- add_data_key does the addition that begins at ARGV[i] and ends with ARGV.
local function add_data_key(keys, progress, i)
  redis.call('HSET', keys, '0', ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  set_progress(progress, i + 4)
  for event = i + 9, #ARGV, 5 do record(event) end
end

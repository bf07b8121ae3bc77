# cmake -DOUT=file.cpp -DFOLDER=deploy/replicated -P embed_files.cmake: the files of replicated_files.hpp as C++.
set(text "#include \"actors/launch/replicated_files.hpp\"\n\nnamespace cadre::launch {\n\n")
foreach(pair nats.conf=replicated_nats_conf postgres-primary.conf=postgres_primary_conf
             postgres-replica.conf=postgres_replica_conf)
  string(REPLACE "=" ";" pair "${pair}")
  list(GET pair 0 name)
  list(GET pair 1 function)
  file(READ "${FOLDER}/${name}" content)
  string(APPEND text "std::string_view ${function}() {\n  return R\"_conf_(${content})_conf_\";\n}\n\n")
endforeach()
string(APPEND text "}  // namespace cadre::launch\n")
file(WRITE "${OUT}" "${text}")

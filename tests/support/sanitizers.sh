# Sourced. What a run of the presets `asan` and `tsan` needs beside the build.
# sanitizers_start PRESET DIR: sets the options of the sanitizers; their reports go into files below DIR, because many
# programs of a test are not its children, or end before anybody reads what they say.
# sanitizers_reports FILE: moves the reports since the last call into FILE; 1 if there was none.

sanitizer_reports=''

sanitizers_start() {
  local preset=$1 suppressions
  suppressions=$(cd "$(dirname "${BASH_SOURCE[0]}")/../suppressions" && pwd)
  [[ $preset == asan || $preset == tsan ]] || return 0
  sanitizer_reports=$2/sanitizer
  mkdir -m 777 "$sanitizer_reports"
  local all="log_path=$sanitizer_reports/report"
  export ASAN_OPTIONS="$all:detect_stack_use_after_return=1:strict_string_checks=1"
  export LSAN_OPTIONS="suppressions=$suppressions/leaks.txt:print_suppressions=0"
  export UBSAN_OPTIONS="print_stacktrace=1"
  export TSAN_OPTIONS="$all:suppressions=$suppressions/threads.txt:second_deadlock_stack=1:history_size=4"
  # Everything is slower by this factor: bounds on waiting are multiplied by it.
  export CADRE_TEST_SLOWNESS=${CADRE_TEST_SLOWNESS:-4}
}

sanitizers_reports() {
  local file
  [[ -n $sanitizer_reports ]] || return 1
  mkdir -p "$(dirname "$1")"
  : >"$1"
  for file in "$sanitizer_reports"/*; do
    [[ -s $file ]] || continue
    { printf -- '-- %s\n' "$(basename "$file")"; cat "$file"; } >>"$1"
    rm -f "$file"
  done
  [[ -s $1 ]]
}

# Sourced. What a run of the presets `asan` and `tsan` needs beside the build.
# sanitizers_start PRESET DIR: sets the options of the sanitizers; their reports go into files below DIR, because many
# programs of a test are not its children, or end before anybody reads what they say.
# sanitizers_reports: prints the reports since the last call and forgets them; 1 if there was none.

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
  local file found=1
  [[ -n $sanitizer_reports ]] || return 1
  for file in "$sanitizer_reports"/*; do
    [[ -s $file ]] || continue
    found=0
    printf -- '-- %s\n' "$(basename "$file")"
    cat "$file"
    rm -f "$file"
  done
  return "$found"
}

# bash completion for inquest; source it, or install it as /usr/share/bash-completion/completions/inquest
# Commands, options and formats are the program's own: `inquest COMMAND --help` is asked, so nothing here grows stale.
_inquest() {
  local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} previous= at=1
  ((COMP_CWORD > 0)) && previous=${COMP_WORDS[COMP_CWORD - 1]}
  local -a command=()
  COMPREPLY=()

  # The command so far ("archive add"): each word of it is in the list of the one before.
  while ((at < COMP_CWORD)); do
    _inquest_list commands "$program" "${command[@]}" | grep -qxF -- "${COMP_WORDS[at]}" || break
    command+=("${COMP_WORDS[at]}")
    ((at++))
  done

  case $previous in
    --format) COMPREPLY=($(compgen -W "$(_inquest_list formats "$program" "${command[@]}")" -- "$word")); return ;;
    -c | --command | --exclude-thread | --release | --note | --jobs) return ;;
    -d | --debuginfo | -o | --output | --source | --archive | --git | --mail | --catalogue) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  local more
  more=$(_inquest_list commands "$program" "${command[@]}")
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$(_inquest_list options "$program" "${command[@]}")" -- "$word"))
  elif [ -n "$more" ] && ((at == COMP_CWORD)); then
    COMPREPLY=($(compgen -W "$more" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}

# What --help lists: commands, options or formats, one a line.
_inquest_list() {
  local what=$1
  shift
  "$@" --help 2>/dev/null | case $what in
    commands) sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p' ;;
    options) sed -n 's/^ *-\([a-z]\),\(--[a-z-]*\).*/-\1\n\2/p; s/^ *\(--[a-z-]*\).*/\1/p' ;;
    formats) sed -n 's/^ *--format .*{\(.*\)}.*/\1/p' | tr ',' '\n' ;;
  esac
}
complete -o filenames -F _inquest inquest

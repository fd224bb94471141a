# bash completion for inquest; source it, or install it as /usr/share/bash-completion/completions/inquest
_inquest() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  case $previous in
    --format) COMPREPLY=($(compgen -W 'text markdown html json' -- "$word")); return ;;
    -d|-o|--debuginfo|--output|--source|--archive|--git|--mail) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W 'report shell log symbolize index archive triage --help --version' -- "$word"))
  elif [[ $word == -* ]]; then
    case ${COMP_WORDS[1]} in
      report) COMPREPLY=($(compgen -W '-d --format -o --source --archive --exclude-thread --only-given --timings --help' -- "$word")) ;;
      shell) COMPREPLY=($(compgen -W '-d -c --json --only-given --timings --help' -- "$word")) ;;
      log) COMPREPLY=($(compgen -W '-d --events --format --only-given --help' -- "$word")) ;;
      symbolize) COMPREPLY=($(compgen -W '-d --release --exact --help' -- "$word")) ;;
      *) COMPREPLY=($(compgen -W '--help' -- "$word")) ;;
    esac
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _inquest inquest

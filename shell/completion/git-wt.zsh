#compdef git-wt
#description worktrees with an environment
#
# Completion of git-wt for zsh 5.3 and later: `git wt`, `git-wt` and the shell's function. What `git-wt shell-init zsh`
# prints loads it at the first TAB; without that, zsh does, by its name, `_git-wt`, from a directory of its fpath.

# For git-wt, the function, and by zsh's own _git for `git wt`, which counts the words from `wt`.
function _git-wt {
    local -a run lines flags values args
    local line value help
    integer at="${words[(i)--]}"
    if [[ "${words[2]}" == run ]] && (( at < CURRENT )); then
        # a command line of its own
        words=("${(@)words[at+1,-1]}")
        (( CURRENT -= at ))
        _normal
        return
    fi
    run=(command "${__git_wt_exe:-git-wt}")
    # PREFIX is the word under the cursor without an opening quote
    args=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    if [[ "${service-}" == git ]]; then
        run=(command git)
        if [[ -n "${opt_args[-C]-}" ]]; then run+=(-C "${(Q)opt_args[-C]}"); fi
        run+=(wt)
    fi
    lines=("${(@f)$(GIT_WT_COMPLETE=raw GIT_WT_COMPLETE_INDEX=$((CURRENT - 1)) "${run[@]}" -- git-wt "${args[@]}" </dev/null 2>/dev/null)}")
    for line in "${lines[@]}"; do
        [[ -n "$line" ]] || continue
        value="${line%%$'\t'*}" help=''
        if [[ "$line" == *$'\t'* ]]; then help="${line#*$'\t'}"; fi
        value="${${value//\\/\\\\}//:/\\:}${help:+:$help}"
        if [[ "$value" == -* ]]; then flags+=("$value"); else values+=("$value"); fi
    done
    local ret=1
    if [[ "${args[-1]}" == --*=* ]]; then
        compset -P '--*='
        values+=("${(@)flags#--*=}")
        flags=()
    fi
    (( ${#values} )) && _describe -V -t values 'git wt' values && ret=0
    if (( ${#flags} )) && [[ "${args[-1]}" == -* || ${#values} == 0 ]]; then
        _describe -V -o -t options option flags && ret=0
    fi
    return $ret
}

# For `git wt` under git's own zsh completion, which passes all words and a CURRENT of its own.
function _git_wt {
    \builtin emulate -L zsh
    \builtin setopt ${_comp_options[@]}
    integer at=2
    while (( at <= $#words )) && [[ "${words[at]}" != wt ]]; do (( at++ )); done
    words=("${(@)words[at,-1]}")
    (( CURRENT = cword + 2 - at ))
    _git-wt && _ret=0
}

# loaded by zsh itself, this file is the body of the function at its first call
if [[ "${funcstack[1]-}" == _git-wt ]]; then _git-wt "$@"; fi

# git-wt for zsh 5.3 and later. Load it with:  eval "$(git-wt shell-init zsh)"
#
# A child cannot move its shell, change its environment or its prompt: that is all that is done here. What comes from
# git-wt is data, read and never evaluated.

typeset -g __git_wt_exe="${__git_wt_exe:-git-wt}"
\builtin zmodload zsh/system 2>/dev/null || true

# ---- change of directory

# Name the file that git-wt writes a directory into; nobody else can guess or make it.
function __git_wt_name_file {
    local dir
    for dir in "${XDG_RUNTIME_DIR-}" "${TMPDIR-}" /tmp; do
        if [[ "$dir" == /* && -d "$dir" && -w "$dir" ]]; then break; fi
    done
    typeset -g __git_wt_file="${dir%/}/git-wt.$$.$RANDOM$RANDOM$RANDOM"
}
__git_wt_name_file

# Go where FILE says. No directory in it is no failure.
function __git_wt_follow { # FILE
    [[ -f "$1" && -O "$1" && ! -L "$1" ]] || return 0
    local __gw_to=''
    IFS= \builtin read -r -d '' __gw_to <"$1" || __gw_to=''
    \command rm -f -- "$1"
    [[ "$__gw_to" == /* ]] || return 0
    \builtin cd -- "$__gw_to"
}

# Run git-wt and follow it at once. In a subshell the file is another one, so that the shell at the terminal stays.
function __git_wt_call {
    local __gw_status=0 __gw_file="$__git_wt_file"
    if [[ "${ZSH_SUBSHELL:-0}" != 0 ]]; then __gw_file="$__gw_file.${sysparams[pid]-}$RANDOM"; fi
    GIT_WT_CD_FILE="$__gw_file" \command "$__git_wt_exe" "$@" || __gw_status=$?
    # stopped and continued, this goes on in a fork: the prompt follows instead
    if [[ "${sysparams[pid]:-$$}" != "$$" && "$__gw_file" == "$__git_wt_file" ]]; then return "$__gw_status"; fi
    if [[ -e "$__gw_file" ]]; then
        if __git_wt_follow "$__gw_file"; then :; elif [[ "$__gw_status" == 0 ]]; then __gw_status=1; fi
    fi
    if [[ -o interactive && "${ZSH_SUBSHELL:-0}" == 0 ]]; then
        # whatever it did may have changed this worktree's environment
        __git_wt_root='?'
        __git_wt_enter
    fi
    return "$__gw_status"
}

# ---- environment

# Whether the variable NAME is a plain string, exported or not, or is yet to be made. An integer would evaluate what is
# assigned to it, a readonly one cannot be set: they are the user's.
function __git_wt_is_plain { # NAME
    case "${(Pt)1}" in
    '' | scalar | scalar-export) return 0 ;;
    # PATH is tied to path, and perhaps made unique
    *readonly*) return 1 ;;
    *) [[ "$1" == PATH ]] ;;
    esac
}

# Ask git-wt what changes in the worktree at ROOT. What keeps it from answering, such as a version that does not fit these
# functions, is said once. The subshell that this is called in becomes git-wt: that spares a fork.
function __git_wt_ask { # [ROOT]
    if (( ${+functions[_direnv_hook]} )); then \builtin set -- --direnv "$@"; fi
    if [[ -n "${__git_wt_told-}" ]]; then \exec 2>/dev/null; fi
    \builtin export GIT_WT_ENV
    \exec "$__git_wt_exe" hook 1 "$@" </dev/null
}

# Take over the environment of the worktree we came into, or give back that of the one we left.
function __git_wt_enter {
    \builtin emulate -L zsh
    local __gw_root="$PWD" __gw_name __gw_change __gw_whole=''
    local -a __gw_fields __gw_sets __gw_unsets
    typeset -g __git_wt_pwd="$PWD"
    while [[ ! -e "$__gw_root/.git" ]]; do
        if [[ "$__gw_root" != */* ]]; then break; fi
        __gw_root="${__gw_root%/*}"
    done
    if [[ -z "$__gw_root" && -e /.git ]]; then __gw_root=/; fi
    # a state inherited from another shell is looked at once
    [[ "$__gw_root" != "${__git_wt_root-${GIT_WT_STATE:+?}}" ]] || return 0
    # fields that NUL ends, read at once
    __gw_fields=("${(@0)$(__git_wt_ask ${__gw_root:+"$__gw_root"})}")
    while (( $#__gw_fields > 1 )); do
        if [[ "$__gw_fields[1]" == end ]]; then
            __gw_whole=1
            break
        fi
        __gw_name="$__gw_fields[2]"
        [[ "$__gw_name" =~ '^[A-Za-z_][A-Za-z0-9_]*$' ]] || break
        case "$__gw_fields[1]" in
        set)
            (( $#__gw_fields > 3 )) || break
            __gw_sets+=("$__gw_name=$__gw_fields[3]")
            \builtin shift 3 __gw_fields
            ;;
        unset)
            __gw_unsets+=("$__gw_name")
            \builtin shift 2 __gw_fields
            ;;
        *) break ;;
        esac
    done
    # what was cut short changes nothing
    typeset -g __git_wt_told=''
    if [[ -z "$__gw_whole" ]]; then
        __git_wt_told=1
        return 0
    fi
    typeset -g __git_wt_root="$__gw_root"
    for __gw_change in "${__gw_unsets[@]}" "${__gw_sets[@]}"; do
        __gw_name="${__gw_change%%=*}"
        __git_wt_is_plain "$__gw_name" || continue
        if [[ "$__gw_change" == *=* ]]; then \builtin export "$__gw_change"; else \builtin unset -v "$__gw_change"; fi
    done
    return 0
}

# ---- prompt

# Set __git_wt_ps1 to the label: the worktree's name, its branch where that is another word, its port, and a * where its
# environment has drifted; as a prompt reads it. GIT_WT_LABEL is the same as it is, for prompts that are programs.
function __git_wt_label {
    local percent='' bang='' head='' from=''
    if [[ -o prompt_percent ]]; then percent='%'; fi
    if [[ -o prompt_bang ]]; then bang='!'; fi
    # read would ask for byte by byte; this starts no process either
    if [[ -n "${GIT_WT_NAME-}" && -r "${GIT_WT_HEAD-}" ]]; then head="$(<"$GIT_WT_HEAD")"; fi
    # made of the same, it is the same
    from="$percent$bang:${GIT_WT_PORT-}:${GIT_WT_DRIFT-}:${GIT_WT_PROTECTED-}:${GIT_WT_PROMPT-}:${GIT_WT_NAME-}:$head"
    if [[ "$from" == "${__git_wt_from-}" ]]; then return 0; fi
    \builtin emulate -L zsh
    typeset -g __git_wt_from="$from"
    local label="${GIT_WT_NAME-}" unseen
    if [[ -z "$label" ]]; then
        \builtin unset -v GIT_WT_LABEL
        typeset -g __git_wt_ps1=''
        psvar[9]=''
        return 0
    fi
    case "$head" in
    # where references are in reftables, HEAD holds only a stand-in
    '' | "ref: refs/heads/$label" | 'ref: refs/heads/.invalid') ;;
    'ref: refs/heads/'*) label="$label ${head#ref: refs/heads/}" ;;
    *[^0-9a-f]*) ;;
    *) label="$label ${head[1,7]}" ;;
    esac
    if [[ "${GIT_WT_PROMPT-}" != short ]]; then label="$label${GIT_WT_PORT:+ :$GIT_WT_PORT}"; fi
    # a hostile name must not move the cursor, nor the text around it
    label="${label//[[:cntrl:]]/?}"
    for unseen in \
        $'\xc2\xad' $'\xd8\x9c' $'\xe1\xa0\x8e' $'\xe2\x80\x8b' $'\xe2\x80\x8c' $'\xe2\x80\x8d' \
        $'\xe2\x80\x8e' $'\xe2\x80\x8f' $'\xe2\x80\xa8' $'\xe2\x80\xa9' $'\xe2\x80\xaa' $'\xe2\x80\xab' \
        $'\xe2\x80\xac' $'\xe2\x80\xad' $'\xe2\x80\xae' $'\xe2\x81\xa0' $'\xe2\x81\xa1' $'\xe2\x81\xa2' \
        $'\xe2\x81\xa3' $'\xe2\x81\xa4' $'\xe2\x81\xa5' $'\xe2\x81\xa6' $'\xe2\x81\xa7' $'\xe2\x81\xa8' \
        $'\xe2\x81\xa9' $'\xe2\x81\xaa' $'\xe2\x81\xab' $'\xe2\x81\xac' $'\xe2\x81\xad' $'\xe2\x81\xae' \
        $'\xe2\x81\xaf' $'\xef\xbb\xbf'; do
        label="${label//$unseen/?}"
    done
    label="$label${GIT_WT_DRIFT:+ *}"
    \builtin export GIT_WT_LABEL="$label"
    # elements of psvar are shown as they are: nothing in a name is expanded
    psvar[9]="$label"
    psvar[10]="${GIT_WT_PROTECTED-}"
    typeset -g __git_wt_ps1="${${label//\%/%$percent}//\!/!$bang}"
}

# Print the label in FORMAT, " (%s)" if absent, for a prompt with prompt_subst; red where the worktree is protected. The
# variable of the same name does without the fork.
function __git_wt_ps1 { # [FORMAT]
    local __gw_status=$? __gw_red='' __gw_plain=''
    __git_wt_label
    if [[ -n "${GIT_WT_PROTECTED-}" && -o prompt_percent ]]; then __gw_red='%%B%%F{red}' __gw_plain='%%f%%b'; fi
    if [[ -n "$__git_wt_ps1" ]]; then \builtin printf -- "$__gw_red${1- (%s)}$__gw_plain" "$__git_wt_ps1"; fi
    return "$__gw_status"
}

# Put the label before the prompt, unless it has a place in it already.
function __git_wt_show_label {
    if [[ "${GIT_WT_PROMPT-}" == off || "${PROMPT-}" == *%9v* ]]; then return 0; fi
    if [[ "${PROMPT-}" == *__git_wt_ps1* || "${PROMPT-}" == *GIT_WT_LABEL* ]]; then return 0; fi
    [[ -o prompt_percent ]] || return 0
    PROMPT='%(9V|%(10V.%B%F{red}.)(%9v%)%(10V.%f%b.) |)'"${PROMPT-}"
}

# Before each prompt. Starts no process while the directory stays.
function __git_wt_precmd {
    if [[ -e "$__git_wt_file" ]]; then __git_wt_follow "$__git_wt_file" || true; fi
    if [[ "$PWD" != "${__git_wt_pwd-}" ]]; then __git_wt_enter; fi
    __git_wt_label
    __git_wt_show_label
}

if [[ -o interactive ]]; then
    # for a plain `git wt …`: the directory waits here for the next prompt
    \builtin export GIT_WT_PROMPT_CD_FILE="$__git_wt_file"
    \builtin autoload -Uz add-zsh-hook
    add-zsh-hook precmd __git_wt_precmd
    add-zsh-hook chpwd __git_wt_enter
fi

# ---- completion

typeset -ga __git_wt_commands=(git-wt)

# The first TAB brings the functions along.
function __git_wt_load_completion {
    local script
    script="$(\command "$__git_wt_exe" shell-init zsh --completion 2>/dev/null)" && \builtin eval "$script"
}

function _git-wt {
    __git_wt_load_completion && _git-wt "$@"
}

function _git_wt {
    __git_wt_load_completion && _git_wt "$@"
}

# Register with the completion system, which may be started after us.
function __git_wt_register {
    (( ${+functions[compdef]} )) || return 0
    compdef _git-wt "${__git_wt_commands[@]}"
    local -a known
    zstyle -a ':completion:*:*:git:*' user-commands known
    if [[ " ${known[*]} " != *' wt:'* ]]; then
        zstyle ':completion:*:*:git:*' user-commands "${known[@]}" 'wt:worktrees with an environment'
    fi
    add-zsh-hook -d precmd __git_wt_register
}

function __git_wt_complete_for { # NAME...
    [[ -o interactive ]] || return 0
    __git_wt_commands+=("$@")
    add-zsh-hook precmd __git_wt_register
}
__git_wt_complete_for

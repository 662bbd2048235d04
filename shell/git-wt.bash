# git-wt for bash 3.2 and later. Load it with:  eval "$(git-wt shell-init bash)"
# shellcheck shell=bash
#
# A child cannot move its shell, change its environment or its prompt: that is all that is done here. What comes from
# git-wt is data, read and never evaluated.

: "${__git_wt_exe:=git-wt}"

# ---- change of directory

# The file that git-wt writes a directory into; nobody else can guess or make it.
__git_wt_file=${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}
__git_wt_file=${__git_wt_file%/}/git-wt.$$.$RANDOM$RANDOM$RANDOM

# Go where FILE says. No directory in it is no failure.
__git_wt_follow() { # FILE
    [[ -f $1 && -O $1 && ! -L $1 ]] || return 0
    local __gw_to=
    IFS= \builtin read -r -d '' __gw_to <"$1" || __gw_to=
    \command rm -f -- "$1"
    [[ $__gw_to == /* ]] || return 0
    \builtin cd -- "$__gw_to" || return
}

# Run git-wt and follow it at once. In a subshell, a pipeline or the background the file is another one, so that the
# shell at the terminal stays where it is.
__git_wt_call() {
    local __gw_status=0 __gw_file=$__git_wt_file
    if [[ $BASH_SUBSHELL != 0 ]]; then __gw_file=$__gw_file.$RANDOM$RANDOM; fi
    GIT_WT_CD_FILE=$__gw_file \command "$__git_wt_exe" "$@" || __gw_status=$?
    if [[ -e $__gw_file ]]; then
        if __git_wt_follow "$__gw_file"; then :; elif [[ $__gw_status == 0 ]]; then __gw_status=1; fi
    fi
    if [[ $- == *i* && $BASH_SUBSHELL == 0 ]]; then
        __git_wt_root='?'
        __git_wt_enter
    fi
    return "$__gw_status"
}

# ---- environment

# Find the nearest directory at or above this one that has a .git, without starting a process.
__git_wt_find_root() {
    __gw_root=$PWD
    until [[ -e $__gw_root/.git ]]; do
        if [[ $__gw_root != */* ]]; then
            __gw_root=
            return
        fi
        __gw_root=${__gw_root%/*}
    done
}

# Take over the environment of the worktree we came into, or give back that of the one we left.
__git_wt_enter() {
    local __gw_root __gw_field __gw_count=0 __gw_at=0
    local -a __gw_fields=()
    __git_wt_pwd=$PWD
    __git_wt_find_root
    # a state inherited from another shell is looked at once
    if [[ $__gw_root == "${__git_wt_root-${GIT_WT_STATE:+?}}" ]]; then return 0; fi
    while IFS= \builtin read -r -d '' __gw_field; do
        __gw_fields[__gw_count]=$__gw_field
        __gw_count=$((__gw_count + 1))
    done < <(\command "$__git_wt_exe" hook 1 ${__gw_root:+"$__gw_root"})
    # what was cut short changes nothing
    if [[ $__gw_count == 0 || ${__gw_fields[__gw_count - 1]} != end ]]; then return 0; fi
    __git_wt_root=$__gw_root
    while [[ ${__gw_fields[__gw_at]} != end ]]; do
        [[ ${__gw_fields[__gw_at + 1]} =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || break
        case ${__gw_fields[__gw_at]} in
        set)
            \builtin export "${__gw_fields[__gw_at + 1]}=${__gw_fields[__gw_at + 2]}"
            __gw_at=$((__gw_at + 3))
            ;;
        unset)
            \builtin unset -v "${__gw_fields[__gw_at + 1]}"
            __gw_at=$((__gw_at + 2))
            ;;
        *) break ;;
        esac
    done
    return 0
}

# ---- prompt

# Set __git_wt_ps1 to the worktree's name, and its branch where that is another word.
__git_wt_label() {
    local __gw_head=
    __git_wt_ps1=${GIT_WT_NAME-}
    if [[ -z $__git_wt_ps1 || ! -r ${GIT_WT_HEAD-} ]]; then return 0; fi
    IFS= \builtin read -r __gw_head <"$GIT_WT_HEAD" || return 0
    case $__gw_head in
    "ref: refs/heads/$GIT_WT_NAME") ;;
    'ref: refs/heads/'*) __git_wt_ps1="$GIT_WT_NAME ${__gw_head#ref: refs/heads/}" ;;
    *) __git_wt_ps1="$GIT_WT_NAME ${__gw_head:0:7}" ;;
    esac
    return 0
}

# Before each prompt. Starts no process while the directory stays; leaves $? as it was.
__git_wt_prompt() {
    local __gw_status=$?
    if [[ -e $__git_wt_file ]]; then __git_wt_follow "$__git_wt_file" || :; fi
    if [[ $PWD != "${__git_wt_pwd-}" ]]; then __git_wt_enter; fi
    __git_wt_label
    if [[ ${GIT_WT_PROMPT-} != off && ${PS1-} != *__git_wt_ps1* ]] && \builtin shopt -q promptvars; then
        # expanded when the prompt is shown, and then not once more: a name stays a name
        # shellcheck disable=SC2016
        PS1='${__git_wt_ps1:+${GIT_WT_PROTECTED:+\[\e[1;31m\]}(${__git_wt_ps1})${GIT_WT_PROTECTED:+\[\e[0m\]} }'${PS1-}
    fi
    return "$__gw_status"
}

if [[ $- == *i* ]]; then
    # for a plain `git wt …`: the directory waits here for the next prompt
    \builtin export "GIT_WT_PROMPT_CD_FILE=$__git_wt_file"
    # shellcheck disable=SC2128,SC2178 # a string in old shells, an array in new ones
    case $(\builtin declare -p PROMPT_COMMAND 2>/dev/null) in
    'declare -a'*)
        [[ " ${PROMPT_COMMAND[*]-} " == *' __git_wt_prompt '* ]] ||
            PROMPT_COMMAND=(__git_wt_prompt "${PROMPT_COMMAND[@]}")
        ;;
    *)
        [[ ";${PROMPT_COMMAND-};" == *';__git_wt_prompt;'* ]] ||
            PROMPT_COMMAND="__git_wt_prompt${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
        ;;
    esac
fi

# ---- completion

# Put the words together again that readline has taken apart at = and : (COMP_WORDBREAKS).
__git_wt_words() {
    local __gw_i __gw_word __gw_line=$COMP_LINE __gw_last=-1
    __gw_words=()
    __gw_cword=0
    for ((__gw_i = 0; __gw_i < ${#COMP_WORDS[@]}; __gw_i++)); do
        __gw_word=${COMP_WORDS[__gw_i]}
        if ((__gw_last < 0)) || [[ $__gw_line == [[:blank:]]* ]]; then
            __gw_last=$((__gw_last + 1))
            __gw_words[__gw_last]=
        fi
        __gw_line=${__gw_line#"${__gw_line%%[![:blank:]]*}"}
        __gw_line=${__gw_line#"$__gw_word"}
        __gw_words[__gw_last]+=$__gw_word
        if ((__gw_i == COMP_CWORD)); then __gw_cword=$__gw_last; fi
    done
}

# Offer what git-wt answers for the word under the cursor; __gw_run is how to call it.
__git_wt_offer() { # INDEX WORD...
    local __gw_index=$1 __gw_current=${!#} __gw_line __gw_value __gw_strip=
    \builtin shift
    COMPREPLY=()
    # readline replaces only what follows the last = or :
    if [[ $__gw_current == *[=:]* ]]; then __gw_strip=${__gw_current%"${__gw_current##*[=:]}"}; fi
    local __gw_plain=${__gw_current#[\'\"]}
    __gw_plain=${__gw_plain//\\/}
    while IFS= \builtin read -r __gw_line; do
        __gw_value=${__gw_line%%$'\t'*}
        __gw_value=${__gw_value#"$__gw_strip"}
        if [[ $__gw_current != [\'\"]* ]]; then \builtin printf -v __gw_value %q "$__gw_value"; fi
        COMPREPLY+=("$__gw_value")
    done < <(
        GIT_WT_COMPLETE=raw GIT_WT_COMPLETE_INDEX=$__gw_index \
            "${__gw_run[@]}" -- "${@:1:$#-1}" "$__gw_plain" 2>/dev/null
    )
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/:] ]]; then compopt -o nospace 2>/dev/null || :; fi
}

__git_wt_complete() { # for the function and git-wt
    local -a __gw_words __gw_run
    local __gw_cword
    __gw_run=(command "$__git_wt_exe")
    __git_wt_words
    __git_wt_offer "$__gw_cword" git-wt "${__gw_words[@]:1:__gw_cword}"
}

_git_wt() { # for `git wt`: git's own completion calls it, and says where `wt` stands and which -C came before
    local -a __gw_words __gw_run
    local __gw_cword __gw_verb=${__git_cmd_idx:-1}
    __git_wt_words
    __gw_run=(git ${__git_C_args[@]+"${__git_C_args[@]}"} ${__git_dir:+--git-dir="$__git_dir"} wt)
    __git_wt_offer "$((__gw_cword - __gw_verb))" git-wt "${__gw_words[@]:__gw_verb+1:__gw_cword-__gw_verb}"
    # git's completion has readline add no space: the candidates bring theirs
    local __gw_i
    for __gw_i in ${COMPREPLY[@]+"${!COMPREPLY[@]}"}; do
        if [[ ${COMPREPLY[__gw_i]} != *[=/:] ]]; then COMPREPLY[__gw_i]+=' '; fi
    done
}

__git_wt_complete_for() { # NAME...
    if [[ $- != *i* ]]; then return 0; fi
    \builtin complete -o bashdefault -o nosort -F __git_wt_complete "$@" 2>/dev/null ||
        \builtin complete -o bashdefault -F __git_wt_complete "$@"
}
__git_wt_complete_for git-wt

# Completion of git-wt for bash 3.2 and later: `git wt`, `git-wt` and the shell's function. What `git-wt shell-init bash`
# prints loads it at the first TAB; without that, bash-completion does, by its name, `git-wt`, from its directory.
# shellcheck shell=bash
# shellcheck disable=SC2250 # braces only where they are needed
# shellcheck disable=SC2312 # whatever comes of it, there is a word less to offer

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

# Set __gw_kept to the part of WORD that readline leaves alone: up to the last = or : that breaks words for it.
__git_wt_kept() { # WORD
    local __gw_break __gw_tail=$1
    for __gw_break in = :; do
        if [[ $COMP_WORDBREAKS == *"$__gw_break"* ]]; then __gw_tail=${__gw_tail##*"$__gw_break"}; fi
    done
    __gw_kept=${1%"$__gw_tail"}
}

# Quote __gw_value as the word it goes into asks for: that may have an open quote.
__git_wt_quote() { # WORD
    local __gw_i __gw_char __gw_quoted=
    case $1 in
    \"*)
        for ((__gw_i = 0; __gw_i < ${#__gw_value}; __gw_i++)); do
            __gw_char=${__gw_value:__gw_i:1}
            case $__gw_char in
            [\\\"\$\`]) __gw_quoted+=\\$__gw_char ;;
            *) __gw_quoted+=$__gw_char ;;
            esac
        done
        __gw_value=$__gw_quoted
        ;;
    \'*)
        for ((__gw_i = 0; __gw_i < ${#__gw_value}; __gw_i++)); do
            __gw_char=${__gw_value:__gw_i:1}
            case $__gw_char in
            \') __gw_quoted+="'\\''" ;;
            *) __gw_quoted+=$__gw_char ;;
            esac
        done
        __gw_value=$__gw_quoted
        ;;
    *) \builtin printf -v __gw_value %q "$__gw_value" ;;
    esac
}

# Offer what git-wt answers for the word under the cursor; __gw_run is how to call it.
__git_wt_offer() { # INDEX WORD...
    local __gw_index=$1 __gw_current=${!#} __gw_line __gw_value __gw_kept __gw_plain
    \builtin shift
    COMPREPLY=()
    __git_wt_kept "$__gw_current"
    __gw_plain=${__gw_current#[\'\"]}
    if [[ $__gw_current != \'* ]]; then __gw_plain=${__gw_plain//\\/}; fi
    while IFS= \builtin read -r __gw_line; do
        __gw_value=${__gw_line%%$'\t'*}
        __gw_value=${__gw_value#"$__gw_kept"}
        __git_wt_quote "$__gw_current"
        COMPREPLY+=("$__gw_value")
    done < <(
        GIT_WT_COMPLETE=raw GIT_WT_COMPLETE_INDEX=$__gw_index \
            "${__gw_run[@]}" -- "${@:1:$#-1}" "$__gw_plain" </dev/null 2>/dev/null
    )
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/:] ]]; then compopt -o nospace 2>/dev/null || :; fi
}

# Complete the words after the `--` of run as the shell does for a command line of its own; fails where there are none.
__git_wt_offer_command() { # VERB
    local __gw_at __gw_line
    [[ $1 == run ]] || return 1
    for ((__gw_at = 0; __gw_at < COMP_CWORD; __gw_at++)); do
        if [[ ${COMP_WORDS[__gw_at]} == -- ]]; then break; fi
    done
    if ((++__gw_at > COMP_CWORD)); then return 1; fi
    COMPREPLY=()
    # git's completion has none added
    compopt +o nospace 2>/dev/null || :
    if \builtin declare -F _command_offset >/dev/null; then
        _command_offset "$__gw_at"
    elif ((__gw_at == COMP_CWORD)); then
        while IFS= \builtin read -r __gw_line; do
            COMPREPLY+=("$__gw_line")
        done < <(\builtin compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        compopt -o default 2>/dev/null || :
    fi
}

__git_wt_complete() { # for the function and git-wt
    local -a __gw_words __gw_run
    local __gw_cword
    __gw_run=(command "${__git_wt_exe:-git-wt}")
    __git_wt_words
    if __git_wt_offer_command "${__gw_words[1]-}"; then return; fi
    __git_wt_offer "$__gw_cword" git-wt "${__gw_words[@]:1:__gw_cword}"
}

_git_wt() { # for `git wt`: git's own completion calls it, and says where `wt` stands and which -C came before
    local -a __gw_words __gw_run
    local __gw_cword __gw_i __gw_verb=${__git_cmd_idx:-1}
    __git_wt_words
    if __git_wt_offer_command "${__gw_words[__gw_verb + 1]-}"; then return; fi
    __gw_run=(command git ${__git_C_args[@]+"${__git_C_args[@]}"} ${__git_dir:+"--git-dir=$__git_dir"} wt)
    __git_wt_offer "$((__gw_cword - __gw_verb))" git-wt "${__gw_words[@]:__gw_verb+1:__gw_cword-__gw_verb}"
    # git's completion has readline add no space: the candidates bring theirs
    for __gw_i in ${COMPREPLY[@]+"${!COMPREPLY[@]}"}; do
        if [[ ${COMPREPLY[__gw_i]} != *[=/:] ]]; then COMPREPLY[__gw_i]+=' '; fi
    done
}

if [[ $- == *i* ]]; then
    \builtin complete -o bashdefault -o nosort -F __git_wt_complete git-wt 2>/dev/null ||
        \builtin complete -o bashdefault -F __git_wt_complete git-wt
fi

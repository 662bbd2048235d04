# Completion of git-wt for fish 3.4 and later: `git wt`, `git-wt` and the shell's function. `git-wt shell-init fish` brings
# it along; without that, fish loads it by its name from a directory of completions, for `git wt` from fish 4 on.

function __git_wt_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    if string match --quiet --regex '^["\']' -- "$current"
        # an open quote is no part of the word
        set current (string sub --start 2 -- "$current")
    else if set -l word (string unescape -- "$current")
        set current "$word"
    end
    set -l run git-wt
    set -q __git_wt_exe
    and set run $__git_wt_exe
    if test "$words[1]" = git
        # keep what says which repository is meant, drop the other options of git
        set run git
        set -l at 2
        while test $at -le (count $words)
            switch $words[$at]
                case -C --git-dir --work-tree
                    set -a run $words[$at] $words[(math $at + 1)]
                    set at (math $at + 2)
                case -c --namespace --exec-path
                    set at (math $at + 2)
                case '--git-dir=*' '--work-tree=*'
                    set -a run $words[$at]
                    set at (math $at + 1)
                case '-*'
                    set at (math $at + 1)
                case '*'
                    break
            end
        end
        set -a run wt
        set words $words[$at..-1]
    end
    if test "$words[2]" = run
        and set -l at (contains --index -- -- $words)
        # a command line of its own
        set -l line (string escape -- $words[(math $at + 1)..-1]) (commandline --current-token --cut-at-cursor)
        complete --do-complete (string join ' ' -- $line)
        return
    end
    GIT_WT_COMPLETE=raw GIT_WT_COMPLETE_INDEX=(count $words) command $run -- git-wt $words[2..-1] "$current" </dev/null 2>/dev/null
end

complete --command git-wt --no-files --keep-order --arguments '(__git_wt_complete)'
complete --command git --no-files --condition __fish_git_needs_command --arguments wt --description 'Worktrees with an environment'
complete --command git --no-files --keep-order --condition '__fish_git_using_command wt' --arguments '(__git_wt_complete)'

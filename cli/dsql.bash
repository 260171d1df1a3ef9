# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
#
# Completion of dsql for bash: commands, options, and files where they belong.
_dsql() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    local place='--user --region --profile --expires --port --hostaddr --cluster-id --ca-file --credentials-file'
    local words=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'token check ping psql local jobs --help --version' -- "$word")
        return
    fi
    case $before in
        --ca-file | --credentials-file | --data)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            compopt -o filenames
            return
            ;;
        --user | --region | --profile | --expires | --port | --hostaddr | --cluster-id | --timeout)
            return
            ;;
    esac
    case $command in
        token) words="local $place --json --help" ;;
        psql) words="local $place --help --" ;;
        local) words='start status stop reset logs --data --json --now --follow --postgres --help' ;;
        jobs) words="local $place --wait --timeout --json --help" ;;
        ping) words="local $place --timeout --json --help" ;;
        check)
            mapfile -t COMPREPLY < <(compgen -W '--single-transaction --json --quiet --help -' -- "$word"; compgen -f -- "$word")
            compopt -o filenames
            return
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _dsql dsql

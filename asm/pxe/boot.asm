; The network boot: bootstrap entry vector, from the adapter to the boot program and, should it return, back.
%include "romgen.inc"
%include "rom.inc"
%include "ev.inc"
%include "pxe.inc"

global pxe_main:function
global pxe_program:function
global pxe_give_back:function
global pxe_connect:function
global pxe_start:function
global pxe_file_size:data
global pxe_dev:data
global pxe_fn:data

extern adapter_check, adapter_find, rom_bdf
extern bcv_caller, bcv_keep, boot_bdf, boot_code, boot_rom
extern dhcp_run, dhcp_uuid_find
extern error_detail, error_print, error_print_no_memory
extern ev_boot_protocol, ev_lines, ev_link_delay, ev_load
extern memory_allocate, memory_base_after, memory_base_before, memory_segment
extern message_pxe_address, message_pxe_banner, message_pxe_file, message_pxe_gateway
extern message_pxe_link, message_pxe_no_size, message_pxe_off, message_pxe_size
extern net_gateway, net_init, net_poll
extern print_message
%if WITH_ISCSI
extern rom_product_network
%else
extern rom_product
%endif
extern pxe_file, pxe_hook_install, pxe_hook_remove, pxe_server
extern stack_top
extern tftp_fetch, tftp_no_way, tftp_server, tftp_server_port
extern time_init, time_now
extern undi_call, undi_clear, undi_close, undi_cs_seg, undi_open, undi_pxe, undi_pxenv

BSS pxe_boot
pxe_file_size:       resd 1          ; bytes of the boot program
pxe_dev:        resb 1          ; parts of boot_bdf
pxe_fn:         resb 1

INITCODE pxe_boot
;---------------------------------------------------------------------------
; pxe_main [far] - bootstrap entry vector, called by the BIOS when it is our turn to boot (rom_run)
; in:       GS = the ROM whose adapter it is, FS = the ROM whose code stays
; out:      returns where there is nothing to boot, or the boot program has returned
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    a BIOS behind POST; 600 bytes of stack, below BOOT_ADDRESS; who calls restores DS
;---------------------------------------------------------------------------
pxe_main:
        call    memory_allocate
        jc      .no_memory
        mov     ds, ax
        mov     [boot_code], fs
        mov     [boot_rom], gs
        mov     [bcv_caller], sp
        mov     [bcv_caller + 2], ss
        mov     ss, ax
        mov     sp, stack_top
        call    pxe_connect
        lss     sp, [bcv_caller]
        push    word [boot_code]        ; the boot program may overwrite all that is not resident
        jc      .failed
        push    pxe_program
        retf
.failed:
        push    pxe_give_back
        retf
.no_memory:
        call    error_print_no_memory
        retf

;---------------------------------------------------------------------------
; pxe_connect - from the adapter to the boot program in memory, with messages
; in:       nothing
; out:      CF = 0: the program can be started; CF = 1: not, the reason is printed, everything is undone
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    DS = SS = DGROUP, zeroed; a BIOS
;---------------------------------------------------------------------------
pxe_connect:
        call    time_init
        mov     es, [boot_rom]
        mov     bx, [es:rom_bdf]
        call    adapter_check
        je      .adapter
        call    adapter_find            ; init could not write the ROM
        mov     ax, ERR_NO_ADAPTER
        jc      .fail
.adapter:
        mov     [boot_bdf], bx
        mov     al, bl
        mov     ah, bl
        shr     al, 3
        and     ah, 7
        mov     [pxe_dev], ax           ; and pxe_fn
%if WITH_ISCSI
        mov     si, rom_product_network
%else
        mov     si, rom_product
%endif
        call    print_message
        mov     si, message_pxe_banner
        call    print_message

        call    ev_load
        jnc     .variables
%if WITH_ISCSI
        jmp     .fail
%else
        cmp     ax, ERR_EV_NONE         ; nothing needs to be said
        stc
        jne     .fail
%endif
.variables:
        mov     al, [ev_boot_protocol]
        cmp     al, EV_BOOT_PXE
        je      .ours
%if !WITH_ISCSI
        cmp     word [ev_lines + EVX_BOOT_PROTOCOL * 2], 0
        je      .ours                   ; only what is written counts: this ROM has nothing else
%endif
        mov     si, message_pxe_off
        call    print_message
        stc
        ret
.ours:
        mov     bx, [boot_bdf]
        call    undi_open
        jc      .fail_undi
        mov     si, message_pxe_link
        call    print_message
        call    net_init
        call    pxe_link_delay
        call    dhcp_uuid_find
        call    dhcp_run
        jc      .fail_undi
        mov     si, message_pxe_address
        call    print_message
        cmp     dword [net_gateway], 0
        je      .no_gateway
        mov     si, message_pxe_gateway
        call    print_message
.no_gateway:
        mov     si, message_pxe_file
        call    print_message

        mov     eax, [pxe_server]
        mov     [tftp_server], eax
        mov     word [tftp_server_port], HTONS(TFTP_PORT)
        push    ds
        pop     es
        mov     si, pxe_file
        mov     cx, TFTP_BLOCK_BOOT
        mov     edi, BOOT_ADDRESS
        mov     dx, [memory_segment]
        mov     ax, cs
        cmp     dx, ax                  ; this code is on the way, unless it is the ROM's own
        jb      .limit
        xchg    dx, ax
.limit:
        movzx   edx, dx
        shl     edx, 4
        sub     edx, edi
        call    tftp_fetch
        jc      .no_file
        mov     [pxe_file_size], eax
        mov     si, message_pxe_size
        call    print_message
        call    undi_clear
        mov     bl, OP_CLOSE            ; nobody receives until somebody asks for it
        call    undi_call
        call    pxe_hook_install
        clc
        ret
.no_file:
        mov     si, message_pxe_no_size ; the line of the file's name ends
        call    print_message
        call    pxe_tftp_error
        mov     eax, [pxe_server]
        mov     [error_detail], eax
        xchg    ax, dx
.fail_undi:
        push    ax
        push    dword [error_detail]
        call    undi_close
        adc     byte [bcv_keep], 0
        pop     dword [error_detail]
        pop     ax
.fail:
        call    error_print
        stc
        ret

;---------------------------------------------------------------------------
; pxe_tftp_error - the error number for a status of TFTP
; in:       AX = PXE status
; out:      DX = error number
; clobbers: SI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
pxe_tftp_error:
        mov     dx, [tftp_no_way]
        cmp     al, PXE_ARP_TIMEOUT
        je      .done
        mov     si, pxe_tftp_errors - 3
.next:
        add     si, 3
        mov     dx, [cs:si + 1]
        cmp     [cs:si], al
        je      .done
        cmp     byte [cs:si], 0         ; the last one is for all others
        jne     .next
.done:
        ret

;---------------------------------------------------------------------------
; pxe_link_delay - wait until the switch's port forwards, as long as the EV LinkDelay says
; in:       nothing
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; the UNDI open
;---------------------------------------------------------------------------
pxe_link_delay:
        imul    dx, [ev_link_delay], 1000       ; at most 60 s
        movzx   edx, dx
        call    time_now
        add     edx, eax
.wait:
        push    edx
        call    net_poll
        pop     edx
        call    time_now
        sub     eax, edx
        js      .wait
        ret

INITDATA pxe_boot
; PXE status, error number
pxe_tftp_errors:
        db      PXE_TFTP_OPEN_TIMEOUT
        dw      ERR_TFTP_SILENT
        db      PXE_TFTP_READ_TIMEOUT
        dw      ERR_TFTP_BROKEN
        db      PXE_TFTP_NOT_FOUND
        dw      ERR_TFTP_NOT_FOUND
        db      PXE_TFTP_ACCESS
        dw      ERR_TFTP_ACCESS
        db      PXE_FILE_TOO_BIG
        dw      ERR_TFTP_TOO_BIG
        db      0
        dw      ERR_TFTP_ERROR

CODE pxe_boot
;---------------------------------------------------------------------------
; pxe_program [jump] - the boot program, and what is left to do when it returns
; in:       DS = DGROUP; the stack: far return address
; out:      returns: nothing of us is in memory
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    as pxe_main; who calls restores DS
;---------------------------------------------------------------------------
pxe_program:
        call    pxe_start
        push    BDA_SEGMENT
        pop     es
        mov     ax, [es:BDA_BASE_MEMORY]
        shl     ax, 6
        mov     bx, ds
        cmp     ax, bx
        ja      pxe_give_back.done      ; it has given our memory back, and perhaps used it
        mov     [bcv_caller], sp
        mov     [bcv_caller + 2], ss
        mov     ss, bx
        mov     sp, stack_top
        call    pxe_hook_remove
        call    undi_close
        adc     byte [bcv_keep], 0      ; CF = 1: it may still write to our memory
        lss     sp, [bcv_caller]
; fallthrough: pxe_give_back

;---------------------------------------------------------------------------
; pxe_give_back [jump] - give the memory back, where nobody writes to it any more
; in:       DS = DGROUP, bcv_keep; the stack: far return address
; out:      returns
; clobbers: AX, ES, flags
; needs:    SS elsewhere
;---------------------------------------------------------------------------
pxe_give_back:
        cmp     byte [bcv_keep], 0
        jne     .done
        push    BDA_SEGMENT
        pop     es
        mov     ax, [memory_base_after]
        cmp     ax, [es:BDA_BASE_MEMORY]
        jne     .done                   ; somebody took more below us: it stays taken
        mov     ax, [memory_base_before]
        mov     [es:BDA_BASE_MEMORY], ax
.done:
        retf

;---------------------------------------------------------------------------
; pxe_start - call the boot program at BOOT_ADDRESS
; in:       undi_pxe, undi_pxenv
; out:      what the program leaves: DS, SS and SP are as before
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    DS = DGROUP; SS = a stack for the program, elsewhere
;---------------------------------------------------------------------------
; PXE 2.1, 4.4.5: ES:BX = PXENV+, and behind the return address !PXE. EDX and CX are what INT 1Ah
; AX=5650h gives, and older programs expect.
pxe_start:
        push    ds
        push    dword [undi_pxe]
        mov     cx, [undi_cs_seg]
        les     bx, [undi_pxenv]
        xor     edx, edx
        mov     dx, es
        shl     edx, 4
        movzx   eax, bx
        add     edx, eax
        push    cs
        push    .back
        push    word 0
        push    word BOOT_ADDRESS
        xor     ax, ax
        mov     ds, ax
        sti
        retf
.back:
        cld
        add     sp, 4
        pop     ds
        ret
